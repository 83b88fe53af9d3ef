/** The list of conversations with its tabs. Cards keep their elements, so that focus and reading place stay. */

import { button, byId, channelName, clock, languageName, make, renderOnChange, setText } from "./dom.js";
import { all, closed, isMine, mine, waiting, waits } from "./state.js";

/** @typedef {import("./state.js").Card} Card */

const TABS = [
  { id: "waiting", name: "Waiting", of: waiting, empty: "Nobody is waiting." },
  { id: "mine", name: "Mine", of: mine, empty: "You have no conversation now." },
  { id: "all", name: "All", of: all, empty: "There is no conversation on the desk." },
  { id: "closed", name: "Closed", of: closed, empty: "No conversation is closed." },
];

export class Queue {
  /** @type {Map<string, HTMLElement>} */
  #items = new Map();
  #tab = TABS[0];
  #state = null;
  #onClaim;
  #page = { tabs: byId("tabs"), list: byId("list"), cards: byId("cards"), empty: byId("empty") };

  /** @param {{onClaim: (id: string) => void}} options */
  constructor({ onClaim }) {
    this.#onClaim = onClaim;
    this.#page.tabs.append(...TABS.map((tab) => this.#makeTab(tab)));
    this.#page.tabs.addEventListener("keydown", (event) => this.#moveByKey(event));
  }

  /** @param {import("./state.js").State} state */
  render(state) {
    this.#state = state;
    for (const tab of TABS) {
      const element = byId(`tab-${tab.id}`);
      const isChosen = tab === this.#tab;
      element.setAttribute("aria-selected", String(isChosen));
      element.tabIndex = isChosen ? 0 : -1;
      setText(element.querySelector(".count"), String(tab.of(state).length));
    }
    this.#page.list.setAttribute("aria-labelledby", `tab-${this.#tab.id}`);
    const cards = this.#tab.of(state);
    this.#place(cards);
    this.#page.empty.hidden = cards.length > 0;
    setText(this.#page.empty, this.#tab.empty);
  }

  /** @param {"waiting"|"mine"|"all"|"closed"} id */
  show(id) {
    this.#tab = TABS.find((tab) => tab.id === id);
    if (this.#state) this.render(this.#state);
  }

  /** Puts the focus on a card, or on the tab when it is not in the list. */
  focus(id) {
    const link = this.#items.get(id)?.querySelector("a");
    (link ?? byId(`tab-${this.#tab.id}`)).focus();
  }

  #makeTab(tab) {
    const name = make("span", {}, tab.name);
    const count = make("span", { class: "count" }, "0");
    const choose = () => this.show(tab.id);
    const attributes = { type: "button", role: "tab", id: `tab-${tab.id}`, class: "tab", "aria-controls": "list" };
    return make("button", { ...attributes, click: choose }, name, " ", count);
  }

  #moveByKey(event) {
    const at = TABS.indexOf(this.#tab);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = TABS[(to + TABS.length) % TABS.length];
    this.show(tab.id);
    byId(`tab-${tab.id}`).focus();
  }

  #place(cards) {
    const wanted = new Set(cards.map(({ id }) => id));
    for (const [id, item] of this.#items) {
      if (wanted.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    let next = this.#page.cards.firstElementChild;
    for (const card of cards) {
      const item = this.#item(card);
      if (item === next) {
        next = next.nextElementSibling;
        continue;
      }
      const focused = item.contains(document.activeElement) ? document.activeElement : null;
      this.#page.cards.insertBefore(item, next);
      focused?.focus({ preventScroll: true }); // moving an element takes the focus from it
    }
  }

  #item(card) {
    let item = this.#items.get(card.id);
    if (!item) {
      item = make("li", { class: "card" });
      this.#items.set(card.id, item);
    }
    const isOpen = this.#state.open?.id === card.id;
    const isOwn = isMine(this.#state, card);
    item.classList.toggle("open", isOpen);
    item.classList.toggle("urgent", waits(card) && card.level > 0);
    renderOnChange(item, [card, isOpen, isOwn], () => this.#build(card, isOpen, isOwn));
    return item;
  }

  #build(card, isOpen, isOwn) {
    const title = card.readable
      ? make("a", { href: `#${card.id}`, "data-focus": "open", "aria-current": isOpen && "true" }, card.label)
      : make("span", { class: "closed-name" }, card.label);
    const head = make("div", { class: "card-head" }, title, ...badges(card));
    const status = make("p", { class: "card-status" }, standing(card, isOwn, this.#state));
    if (!card.readable) return [head, status];
    const facts = [card.reason?.name, card.topic?.name, languageName(card.language), channelName(card.channel)];
    const canTake = card.state === "waiting" || (card.state === "assistant" && !card.holder);
    const take = button("Take it", () => this.#onClaim(card.id), {
      "class": "small",
      "data-focus": "take",
      "aria-label": `Take it: ${card.label}`,
    });
    return [
      head,
      card.alarms.length > 0 && make("p", { class: "card-alarm" }, alarmText(card)),
      make("p", { class: "card-facts" }, facts.filter(Boolean).join(" · ")),
      make("div", { class: "card-foot" }, status, canTake && take),
    ];
  }
}

const alarmText = (card) => `Open alarm: ${card.alarms.map(({ name }) => name).join(", ")}`;

/** @param {Card} card */
export function badges(card) {
  return [
    card.level > 0 && make("span", { class: `badge level-${card.level}` }, card.level_name),
    card.unread > 0 && make("span", { class: "badge unread" }, `${card.unread} unread`),
    card.left_at && card.state !== "closed" && make("span", { class: "badge" }, "Left the chat"),
    card.night && make("span", { class: "badge" }, "Message left at night"),
  ].filter(Boolean);
}

/**
 * Who has a conversation or how long it has waited, in words; the part with a time ticks.
 * @param {Card} card
 */
export function standing(card, isOwn, state) {
  if (card.state === "waiting") return card.waiting_since ? clock(card.waiting_since, "Waiting ") : "Waiting";
  if (card.state === "closed") {
    const reason = state.closeReasons.find(({ id }) => id === card.close_reason)?.name;
    return reason ? `Closed: ${reason}` : "Closed";
  }
  if (card.state === "person") {
    const who = isOwn ? "You have it" : `${card.holder?.name ?? "Somebody"} has it`;
    if (!card.unanswered_since) return who;
    return make("span", {}, `${who} · `, clock(card.unanswered_since, "unanswered "));
  }
  return "The assistant answers";
}
