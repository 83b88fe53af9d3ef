/** The message box: drafts, suggestions of the assistant, canned replies, and the sign that somebody is typing. */

import { fetchSuggestions, signal } from "./api.js";
import { byId, isTouch, make, renderOnChange, setText } from "./dom.js";
import { Picker } from "./picker.js";
import { isMine } from "./state.js";

const TYPING_EVERY_MS = 3000;
const SUGGEST_AFTER_MS = 400;
const LONGEST_MESSAGE = 5000;
const HINT_FROM = 4500;
/** Characters of a suggestion that must still be there for the message to be about its topic. */
const SAME_TEXT = 60;
/** A gap of a canned reply for which there was no value, such as [opening?]. */
const GAP = /\[[a-z]+\?\]/;

export class Composer {
  /** @type {Map<string, {text: string, topic?: string, began?: string}>} by conversation */
  #drafts = new Map();
  #id = null;
  #isMine = false;
  #picker;
  #typingSent = 0;
  #suggested = "";
  #suggestTimer;
  #onSend;
  #page = {
    composer: byId("composer"),
    text: byId("text"),
    label: byId("text-label"),
    hint: byId("text-hint"),
    send: byId("send"),
    copy: byId("copy"),
    canned: byId("canned"),
    form: byId("write"),
    suggestions: byId("suggestions"),
    suggestionsList: byId("suggestions-list"),
  };

  /** @param {{onSend: (conversation: string, text: string, topic?: string) => void}} options */
  constructor({ onSend }) {
    const { text, form, canned, copy } = this.#page;
    this.#onSend = onSend;
    this.#picker = new Picker({
      onPick: (reply) => this.#insert(reply),
      onCancel: (typed) => this.#insert(typed),
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    text.addEventListener("keydown", (event) => this.#byKey(event));
    text.addEventListener("input", () => this.#typed());
    text.addEventListener("blur", () => this.#stopTyping());
    canned.addEventListener("click", () => (this.#picker.isOpen ? this.#picker.cancel() : this.#picker.open(this.#id)));
    copy.addEventListener("click", () => this.#copy());
    this.#page.suggestions.open = matchMedia("(min-width: 60rem) and (min-height: 45rem)").matches;
  }

  get isPicking() {
    return this.#picker.isOpen;
  }

  focus() {
    if (!isTouch()) this.#page.text.focus({ preventScroll: true });
  }

  /** Whatever is typed and not sent, in any conversation. */
  get unsent() {
    return [...this.#drafts.values()].map(({ text }) => text).filter((text) => text.trim());
  }

  /** @param {import("./state.js").State} state */
  render(state) {
    const { open } = state;
    const id = open?.id ?? null;
    if (id !== this.#id) this.#change(id);
    const mine = Boolean(open?.loaded) && isMine(state, open.card);
    if (this.#isMine && !mine) this.#stopTyping();
    this.#isMine = mine;
    const kept = Boolean(open) && !mine && Boolean(this.#drafts.get(id)?.text.trim());
    const { composer, text, label, send, copy, canned, suggestions } = this.#page;
    composer.hidden = !mine && !kept;
    composer.classList.toggle("kept", kept);
    text.readOnly = !mine;
    setText(label, kept ? "Not sent: what you had typed" : "Your message");
    send.hidden = canned.hidden = !mine;
    copy.hidden = !kept;
    if (!mine) {
      this.#picker.close();
      suggestions.hidden = true;
      this.#suggested = "";
    } else {
      this.#suggestSoon(open);
    }
  }

  #change(id) {
    this.#stopTyping();
    this.#picker.close();
    this.#id = id;
    this.#suggested = "";
    this.#page.suggestions.hidden = true;
    this.#page.text.value = this.#drafts.get(id)?.text ?? "";
    this.#fit();
  }

  // ---- writing -------------------------------------------------------------------------------------------------

  #byKey(event) {
    // While an input method composes a word, Enter confirms the word (229: Safari says so only after the fact).
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !isTouch()) {
      event.preventDefault();
      this.#send();
    } else if (event.key === "/" && this.#isMine && this.#page.text.value === "") {
      event.preventDefault();
      this.#picker.open(this.#id, { bySlash: true });
    }
  }

  #typed() {
    const { value } = this.#page.text;
    this.#keep(value);
    this.#fit();
    if (!this.#isMine) return;
    if (!value.trim()) return this.#stopTyping();
    if (Date.now() - this.#typingSent < TYPING_EVERY_MS) return;
    this.#typingSent = Date.now();
    signal(this.#id, { typing: true });
  }

  #stopTyping() {
    if (!this.#typingSent) return;
    this.#typingSent = 0;
    signal(this.#id, { typing: false });
  }

  /** The topic belongs to the text it came with: it goes when little of that is left. */
  #keep(text) {
    const { topic, began } = this.#drafts.get(this.#id) ?? {};
    const same = began && text.includes(began);
    if (text) this.#drafts.set(this.#id, same ? { text, topic, began } : { text });
    else this.#drafts.delete(this.#id);
  }

  #send() {
    const text = this.#page.text.value.trim();
    if (!this.#isMine) return;
    if (!text || [...text].length > LONGEST_MESSAGE) return this.#page.text.focus();
    const gap = GAP.exec(text);
    if (gap) {
      setText(this.#page.hint, `Fill in ${gap[0]} first, or take it out.`);
      return this.#page.text.setSelectionRange(gap.index, gap.index + gap[0].length);
    }
    const { topic } = this.#drafts.get(this.#id) ?? {};
    this.#drafts.delete(this.#id);
    this.#page.text.value = "";
    this.#fit();
    this.#stopTyping();
    this.#onSend(this.#id, text, topic);
    this.#page.text.focus({ preventScroll: true });
  }

  /** Puts a text where the cursor is. */
  #insert(text) {
    const field = this.#page.text;
    field.focus();
    if (!text) return;
    const space = /\S$/.test(field.value.slice(0, field.selectionStart)) ? " " : "";
    field.setRangeText(space + text, field.selectionStart, field.selectionEnd, "end");
    this.#typed();
  }

  async #copy() {
    const { text, hint } = this.#page;
    text.select();
    try {
      await navigator.clipboard.writeText(text.value);
      setText(hint, "Copied.");
    } catch {
      setText(hint, "The text is selected: copy it with your keyboard.");
    }
  }

  #fit() {
    const { text, hint } = this.#page;
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + text.offsetHeight - text.clientHeight}px`;
    const length = [...text.value].length;
    setText(hint, length > HINT_FROM ? `${LONGEST_MESSAGE - length} characters left` : "");
  }

  // ---- suggestions ---------------------------------------------------------------------------------------------

  #suggestSoon(open) {
    const last = open.messages.findLast(({ sender }) => sender === "user");
    const key = `${open.id} ${last?.position ?? ""}`;
    if (key === this.#suggested) return;
    this.#suggested = key;
    clearTimeout(this.#suggestTimer);
    this.#suggestTimer = setTimeout(() => this.#suggest(open.id, key), SUGGEST_AFTER_MS);
  }

  async #suggest(id, key) {
    const { suggestions = [] } = await fetchSuggestions(id).catch(() => ({}));
    if (key !== this.#suggested) return;
    this.#page.suggestions.hidden = suggestions.length === 0;
    const build = () => suggestions.map((item) => this.#suggestion(item));
    renderOnChange(this.#page.suggestionsList, [id, suggestions], build);
  }

  #suggestion({ topic, text, confidence }) {
    const use = () => {
      const typed = this.#page.text.value.trimEnd();
      const whole = typed ? `${typed}\n\n${text}` : text;
      this.#page.text.value = whole;
      this.#drafts.set(this.#id, { text: whole, topic: topic?.id, began: text.slice(0, SAME_TEXT) });
      this.#typed();
      this.#page.text.focus();
    };
    const sure = Number.isFinite(confidence) ? `${Math.round(confidence * 100)} % sure` : "";
    return make("li", {}, make(
      "button",
      { type: "button", class: "suggestion", click: use },
      make("strong", {}, topic?.name ?? "Answer"),
      make("span", { class: "muted" }, sure),
      make("span", { class: "suggestion-text" }, text),
    ));
  }
}
