/** Canned replies: a button, or "/" in an empty message box, opens a list that typing narrows down. */

import { fetchCanned } from "./api.js";
import { byId, make, setText } from "./dom.js";

/** @typedef {{id: string, title: string, text: string}} Canned */

export class Picker {
  /** @type {Canned[]} */
  #replies = [];
  /** @type {Canned[]} */
  #shown = [];
  #active = 0;
  #conversation = null;
  #bySlash = false;
  #onPick;
  #onCancel;
  #page = {
    box: byId("picker"),
    filter: byId("picker-filter"),
    list: byId("picker-list"),
    state: byId("picker-state"),
    button: byId("canned"),
  };

  /**
   * @param {object} options
   * @param {(text: string) => void} options.onPick
   * @param {(typed: string) => void} options.onCancel typed: what belongs into the message box after all
   */
  constructor({ onPick, onCancel }) {
    this.#onPick = onPick;
    this.#onCancel = onCancel;
    this.#page.filter.addEventListener("input", () => this.#narrow());
    this.#page.filter.addEventListener("keydown", (event) => this.#byKey(event));
    this.#page.list.addEventListener("click", ({ target }) => {
      const option = target.closest("[role=option]");
      if (option) this.#pick(Number(option.dataset.at));
    });
  }

  get isOpen() {
    return !this.#page.box.hidden;
  }

  /** @param {string} conversation */
  async open(conversation, { bySlash = false } = {}) {
    this.#conversation = conversation;
    this.#bySlash = bySlash;
    this.#replies = [];
    this.#page.filter.value = "";
    this.#page.box.hidden = false;
    this.#page.button.setAttribute("aria-expanded", "true");
    this.#page.filter.focus();
    this.#narrow();
    setText(this.#page.state, "Loading…");
    try {
      const { replies } = await fetchCanned(conversation);
      if (!this.isOpen || this.#conversation !== conversation) return;
      this.#replies = replies;
      this.#narrow();
    } catch (error) {
      setText(this.#page.state, error.reason ?? "The canned replies cannot be loaded.");
    }
  }

  close() {
    this.#page.box.hidden = true;
    this.#page.button.setAttribute("aria-expanded", "false");
  }

  /** Closes on behalf of the person. */
  cancel() {
    this.close();
    this.#onCancel(this.#bySlash ? `/${this.#page.filter.value}` : "");
  }

  #narrow() {
    const wanted = this.#page.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = ({ title, text }) => {
      const whole = `${title} ${text}`.toLowerCase();
      return wanted.every((word) => whole.includes(word));
    };
    this.#shown = this.#replies.filter(matches);
    this.#page.list.replaceChildren(...this.#shown.map(({ title, text }, at) => make(
      "li",
      { role: "option", id: `canned-${at}`, "data-at": at },
      make("strong", {}, title),
      make("span", { class: "muted" }, text),
    )));
    setText(this.#page.state, this.#shown.length ? "" : "No canned reply fits.");
    this.#mark(0);
  }

  #mark(at) {
    const count = this.#shown.length;
    this.#active = count ? (at + count) % count : 0;
    for (const [index, option] of [...this.#page.list.children].entries()) {
      option.setAttribute("aria-selected", String(index === this.#active));
      if (index === this.#active) option.scrollIntoView({ block: "nearest" });
    }
    if (count) this.#page.filter.setAttribute("aria-activedescendant", `canned-${this.#active}`);
    else this.#page.filter.removeAttribute("aria-activedescendant");
  }

  #byKey(event) {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") this.#mark(this.#active + 1);
    else if (event.key === "ArrowUp") this.#mark(this.#active - 1);
    else if (event.key === "Enter") this.#pick(this.#active);
    else if (event.key === "Escape") this.cancel();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #pick(at) {
    const reply = this.#shown[at];
    if (!reply) return;
    this.close();
    this.#onPick(reply.text);
  }
}
