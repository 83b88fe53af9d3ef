/** What staff can do with the open conversation as a whole: take it, hand it on, close it, erase it. */

import { erase, fetchColleagues, post } from "./api.js";
import { ask, choices } from "./dialogs.js";
import { button, byId, make, renderOnChange } from "./dom.js";
import { isMine, may } from "./state.js";

/** @typedef {import("./state.js").Card} Card */

const WAITS_AGAIN = "It waits for somebody of the team again.";

export class Actions {
  #state = null;
  #onCard;
  #onErased;
  #onError;
  #onDone;
  /** @type {Set<string>} conversations that the person gives away herself: losing those is no news */
  givingAway = new Set();

  /**
   * @param {object} options
   * @param {(card: Card) => void} options.onCard the conversation as the server has it now
   * @param {(id: string) => void} options.onErased
   * @param {(id: string, error: import("./api.js").DeskError) => void} options.onError
   * @param {(text: string) => void} options.onDone says what was done
   */
  constructor({ onCard, onErased, onError, onDone }) {
    this.#onCard = onCard;
    this.#onErased = onErased;
    this.#onError = onError;
    this.#onDone = onDone;
    byId("erase").addEventListener("click", () => this.#erase(this.#state.open.card));
  }

  /** @param {import("./state.js").State} state */
  render(state) {
    this.#state = state;
    const { open } = state;
    byId("erase-part").hidden = !open?.loaded || !may(state, "erase");
    const card = open?.card;
    const shown = card && {
      id: card.id,
      take: card.readable && (card.state === "waiting" || (card.state === "assistant" && !card.holder)),
      mine: isMine(state, card),
      pass: card.readable && ["waiting", "person"].includes(card.state) && may(state, "see_all"),
    };
    renderOnChange(byId("actions"), shown, () => (shown ? this.#buttons(card, shown) : []));
  }

  /** @returns {Promise<boolean>} whether it is mine now; if not, the reason is shown */
  claim(id) {
    return this.#do(id, "claim");
  }

  #buttons(card, { take, mine, pass }) {
    const plain = (text, focus, act) => button(text, act, { "class": "plain small", "data-focus": focus });
    const handBack = make("span", {}, "Hand back", make("span", { class: "where-room" }, " to the assistant"));
    return [
      take && button("Take it", () => this.claim(card.id), { "class": "small", "data-focus": "take" }),
      mine && plain(handBack, "hand-back", () => {
        this.#giveAway(card, "hand-back", "The assistant answers again.", { seen: this.#seen() });
      }),
      mine && plain("Let it wait", "release", () => this.#giveAway(card, "release", WAITS_AGAIN)),
      (mine || pass) && plain("Pass on…", "transfer", () => this.#transfer(this.#state.open.card)),
      mine && plain("Close…", "close", () => this.#close(card)),
    ];
  }

  /** Nobody goes over what the visitor wrote a moment ago: the server compares. */
  #seen() {
    return this.#state.open?.messages.at(-1)?.position ?? 0;
  }

  async #do(id, what, body) {
    try {
      this.#onCard(await post(id, what, body));
      return true;
    } catch (error) {
      this.#onError(id, error);
      return false;
    }
  }

  async #giveAway(card, what, done, body) {
    this.givingAway.add(card.id);
    if (await this.#do(card.id, what, body)) this.#onDone(done);
    this.givingAway.delete(card.id);
  }

  async #transfer(card) {
    let colleagues;
    try {
      ({ colleagues } = await fetchColleagues());
    } catch (error) {
      return this.#onError(card.id, error);
    }
    const others = colleagues.filter(({ id }) => id !== card.holder?.id);
    others.sort((one, other) => Number(other.online) - Number(one.online) || one.name.localeCompare(other.name));
    if (!others.length) return this.#onDone("There is nobody else to pass it on to.");
    const options = others.map(({ id, name, online }) => ({
      value: id,
      text: id === this.#state.me.id ? `${name} (you)` : name,
      more: online ? "here now" : "not here",
    }));
    ask({
      title: `Pass on ${card.label}`,
      body: [choices("Who takes it?", "to", options)],
      yes: "Pass on",
      act: async (form) => {
        const to = others.find(({ id }) => id === form.get("to"));
        await this.#decided(card, "transfer", { to: to.id });
        this.#onDone(`${to.name} has ${card.label} now.`);
      },
    });
  }

  #close(card) {
    const options = this.#state.closeReasons.map(({ id, name }) => ({ value: id, text: name }));
    ask({
      title: `Close ${card.label}`,
      body: [choices("Why?", "reason", options)],
      yes: "Close the conversation",
      act: async (form) => {
        await this.#decided(card, "close", { reason: form.get("reason"), seen: this.#seen() });
        this.#onDone(`${card.label} is closed. It comes back if the visitor writes again.`);
      },
    });
  }

  /** As `#giveAway`, but the dialog tells what went wrong. */
  async #decided(card, what, body) {
    this.givingAway.add(card.id);
    try {
      this.#onCard(await post(card.id, what, body));
    } finally {
      this.givingAway.delete(card.id);
    }
  }

  #erase(card) {
    ask({
      title: `Erase ${card.label}?`,
      body: [make("p", {}, "Every message and note of this conversation is erased for good. It cannot be undone.")],
      yes: "Erase it",
      danger: true,
      act: async () => {
        this.givingAway.add(card.id);
        try {
          await erase(card.id);
          this.#onErased(card.id);
        } finally {
          this.givingAway.delete(card.id);
        }
        this.#onDone(`${card.label} is erased.`);
      },
    });
  }
}
