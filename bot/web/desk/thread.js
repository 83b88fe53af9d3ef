/** The messages of the open conversation, those on their way included. */

import { renderText } from "/web/log.js";
import { button, byId, day, hour, make, renderOnChange } from "./dom.js";

const NAMES = { user: "Visitor", assistant: "Assistant", person: "Staff", system: "Automatic note" };
const NEAR_THE_END_PX = 120;

export class Thread {
  /** @type {Map<string, HTMLElement>} by message id */
  #items = new Map();
  #conversation = null;
  #onRetry;
  #log = byId("log");
  #atEnd = true;
  #height = 0;

  /** @param {{onRetry: (id: string) => void}} options */
  constructor({ onRetry }) {
    this.#onRetry = onRetry;
    this.#log.addEventListener("scroll", () => {
      // Before a new height is dealt with below, where one is says nothing about where one wants to be.
      if (this.#log.clientHeight === this.#height) this.#atEnd = this.#isNearEnd();
    }, { passive: true });
    // What comes and goes around the messages, such as suggestions, does not hide the last of them.
    new ResizeObserver(() => {
      this.#height = this.#log.clientHeight;
      if (this.#atEnd) this.scrollToEnd();
    }).observe(this.#log);
  }

  /**
   * @param {import("./state.js").State} state
   * @param {import("./outbox.js").Pending[]} pending
   */
  render(state, pending) {
    const { open } = state;
    this.#log.hidden = !open?.loaded;
    if (!open?.loaded) return this.#clear();
    const isFresh = this.#conversation !== open.id;
    if (isFresh) this.#clear();
    this.#conversation = open.id;

    const wasNearEnd = isFresh || this.#atEnd;
    const before = this.#log.lastElementChild;
    this.#place(entries(open, pending, state));
    if (wasNearEnd && (isFresh || before !== this.#log.lastElementChild)) this.scrollToEnd();
    if (isFresh) this.#announceFromNowOn(open.id);
  }

  scrollToEnd() {
    this.#log.lastElementChild?.scrollIntoView({ block: "nearest" });
    this.#log.scrollTop = this.#log.scrollHeight;
    this.#atEnd = true;
  }

  #isNearEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.#log;
    return scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX;
  }

  #clear() {
    this.#conversation = null;
    this.#items.clear();
    this.#log.replaceChildren();
    this.#log.setAttribute("aria-live", "off");
  }

  /** Two frames: a live region that is switched on in the frame of its changes may still read them out. */
  #announceFromNowOn(id) {
    requestAnimationFrame(() => requestAnimationFrame(() => {
      if (this.#conversation === id) this.#log.setAttribute("aria-live", "polite");
    }));
  }

  #place(wanted) {
    const ids = new Set(wanted.map(({ id }) => id));
    for (const [id, item] of this.#items) {
      if (ids.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    let next = this.#log.firstElementChild;
    for (const entry of wanted) {
      let item = this.#items.get(entry.id);
      if (!item) {
        item = make("div", { class: "message" });
        this.#items.set(entry.id, item);
      }
      item.dataset.sender = entry.sender in NAMES ? entry.sender : "system";
      item.classList.toggle("own", entry.isOwn);
      renderOnChange(item, entry, () => this.#build(entry));
      if (item === next) next = next.nextElementSibling;
      else this.#log.insertBefore(item, next);
    }
  }

  #build(entry) {
    const { sender, text, day: newDay, at, who, alarms, buttons, topic, seen, sending, problem } = entry;
    const bubble = make("div", { class: "bubble", dir: "auto" });
    if (sender === "user") bubble.append(make("p", { class: "typed" }, text));
    else bubble.append(...renderText(text));
    const retry = () => this.#onRetry(entry.id);
    return [
      newDay && make("p", { class: "day" }, newDay),
      make("p", { class: "who" }, [who, at, topic].filter(Boolean).join(" · ")),
      bubble,
      buttons.length > 0 && make("p", { class: "offered" }, `Offered: ${buttons.join(" / ")}`),
      alarms.length > 0 && make("p", { class: "raised" }, `Danger noticed: ${alarms.join(", ")}`),
      seen && make("p", { class: "sent-state" }, "Seen"),
      sending && make("p", { class: "sent-state" }, "Sending…"),
      problem && make(
        "p",
        { class: "sent-state failed" },
        `Not sent. ${problem} `,
        button("Retry", retry, { "class": "link", "data-focus": "retry" }),
      ),
    ];
  }
}

/** What each entry of the log is made from; nothing else decides how it looks. */
function entries(open, pending, state) {
  const { me } = state;
  const lastOwn = open.messages.findLast(({ sender }) => sender === "person");
  let lastDay = "";
  const sent = open.messages.map((message) => {
    const itsDay = day(message.sent_at);
    const isOwn = message.sender === "person";
    const isMe = isOwn && message.author === me.name;
    const entry = {
      id: message.id,
      sender: message.sender,
      text: message.text,
      day: itsDay === lastDay ? "" : itsDay,
      at: hour(message.sent_at),
      who: isMe ? "You" : (isOwn && message.author) || NAMES[message.sender] || NAMES.system,
      topic: message.sender === "assistant" ? topicName(message.topic, open) : "",
      alarms: message.alarms ?? [],
      buttons: (message.buttons ?? []).map(({ title }) => title),
      seen: message === lastOwn && open.card.visitor_read >= message.position,
      isOwn,
    };
    lastDay = itsDay;
    return entry;
  });
  const known = new Set(open.messages.map(({ id }) => id));
  const onTheWay = pending.filter(({ id }) => !known.has(id)).map(({ id, text, state: goes, problem }) => ({
    id,
    sender: "person",
    text,
    who: "You",
    alarms: [],
    buttons: [],
    sending: goes === "sending",
    problem: goes === "failed" ? problem : "",
    isOwn: true,
  }));
  return [...sent, ...onTheWay];
}

function topicName(topic, open) {
  if (!topic) return "";
  if (typeof topic === "object") return topic.name;
  return open.panel?.topics?.find(({ id }) => id === topic)?.name ?? "";
}
