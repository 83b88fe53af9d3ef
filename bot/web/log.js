/**
 * The list of messages on the page. Everything that anybody wrote gets in as text nodes, never as HTML.
 *
 * @typedef {import("./api.js").Message} Message
 * @typedef {import("./api.js").Choice} Choice
 */

const NAMES = {
  user: "You",
  assistant: "Assistant, a computer program",
  person: "A person from our team",
  system: "Note",
};

export class Log {
  /** @type {Map<string, HTMLElement>} by message id */
  #elements = new Map();
  /**
   * @type {WeakMap<Element, number>} missing while only the server knows; Infinity for what it cannot know yet, which
   * stays below everything else
   */
  #sentAt = new WeakMap();
  /** @type {Set<Element>} written here, and not yet seen among the server's messages */
  #unconfirmed = new Set();
  #root;
  #onChoice;
  #onRetry;

  /**
   * @param {HTMLElement} root
   * @param {object} options
   * @param {(choice: Choice) => void} options.onChoice
   * @param {(id: string) => void} options.onRetry
   */
  constructor(root, { onChoice, onRetry }) {
    this.#root = root;
    this.#onChoice = onChoice;
    this.#onRetry = onRetry;
  }

  /** The visitor's last message on the page, if any. */
  get lastOwn() {
    return [...this.#root.querySelectorAll("[data-sender=user]")].at(-1) ?? null;
  }

  /** Where the last message begins, from the top of the window. */
  get lastTop() {
    return this.#root.lastElementChild?.getBoundingClientRect().top ?? 0;
  }

  /** @returns {HTMLElement|null} */
  get(id) {
    return this.#elements.get(id) ?? null;
  }

  get isEmpty() {
    return this.#elements.size === 0;
  }

  /**
   * Shows a message of the server, once: replies come with the answer to a message and again with the event stream.
   * @param {Message} message
   * @param {{earlier?: boolean}} [options] earlier: goes before what the visitor has written just now
   * @returns {boolean} whether it is new
   */
  add(message, { earlier = false } = {}) {
    const sentAt = Date.parse(message.sent_at ?? "");
    const known = this.#elements.get(message.id);
    if (known) {
      this.#unconfirmed.delete(known);
      this.#place(known, sentAt);
      return false;
    }
    const [firstUnconfirmed = null] = this.#unconfirmed;
    const element = this.#insert(message, earlier ? firstUnconfirmed : this.#firstLaterThan(sentAt));
    this.#sentAt.set(element, sentAt);
    return true;
  }

  /** Shows what the visitor has just written or chosen. It stays at the end until `anchor`. */
  addOwn(id, text) {
    const element = this.#insert({ id, sender: "user", text }, null);
    this.#unconfirmed.add(element);
    this.#sentAt.set(element, Infinity);
  }

  /** Shows one of the visitor's messages at the end again: there it will be in the conversation of the server. */
  moveToEnd(id) {
    const element = this.#elements.get(id);
    if (!element) return;
    if (element !== this.#root.lastElementChild) this.#root.append(element);
    this.#sentAt.set(element, Infinity);
    this.#dropOldChoices();
  }

  /** One of the visitor's messages is on its way: what comes from now on comes after it. */
  anchor(id) {
    const element = this.#elements.get(id);
    if (this.#sentAt.get(element) === Infinity) this.#sentAt.delete(element);
  }

  /**
   * Says under one of the visitor's messages how its sending goes.
   * @param {string} id
   * @param {string} note "" when all is well
   * @param {boolean} canRetry
   */
  annotate(id, note, canRetry = false) {
    const element = this.#elements.get(id);
    if (!element) return;
    const shown = element.querySelector(".state");
    // The same again would be read out again by a screen reader.
    if (shown && shown.firstChild.data === note && Boolean(shown.querySelector("button")) === canRetry) return;
    shown?.remove();
    if (!note) return;
    const state = make("p", canRetry ? "state failed" : "state", note);
    if (canRetry) {
      const retry = make("button", "retry", "Retry");
      retry.type = "button";
      retry.addEventListener("click", () => this.#onRetry(id));
      state.append(" ", retry);
    }
    element.append(state);
  }

  clear() {
    this.#elements.clear();
    this.#unconfirmed.clear();
    this.#root.replaceChildren();
  }

  #insert(message, next) {
    const element = this.#render(message);
    this.#elements.set(message.id, element);
    this.#root.insertBefore(element, next);
    this.#dropOldChoices();
    return element;
  }

  /** Moves a message that turns out to be elsewhere in the conversation of the server than it is here. */
  #place(element, sentAt) {
    this.#sentAt.set(element, sentAt);
    const before = this.#nearestTime(element, "previousElementSibling");
    const after = this.#nearestTime(element, "nextElementSibling");
    if (!(before > sentAt || after < sentAt)) return;
    element.remove();
    this.#root.insertBefore(element, this.#firstLaterThan(sentAt));
    this.#dropOldChoices();
  }

  #nearestTime(element, direction) {
    let other = element[direction];
    while (other && !this.#sentAt.has(other)) other = other[direction];
    return this.#sentAt.get(other);
  }

  /** Walks back over messages that are surely later; one without a time, such as one on its way, stops the walk. */
  #firstLaterThan(sentAt) {
    let next = null;
    for (let element = this.#root.lastElementChild; this.#sentAt.get(element) > sentAt; ) {
      next = element;
      element = element.previousElementSibling;
    }
    return next;
  }

  /** Only the last message can be answered with a button; older ones would answer a question of the past. */
  #dropOldChoices() {
    for (const choices of this.#root.querySelectorAll(".choices")) {
      if (choices.parentElement !== this.#root.lastElementChild) choices.remove();
    }
  }

  #render({ sender, text, buttons }) {
    const element = make("div", "message");
    element.dataset.sender = sender in NAMES ? sender : "system";
    const bubble = make("div", "bubble");
    bubble.dir = "auto"; // the language of a message is not known here
    if (sender === "user") bubble.append(make("p", "typed", text));
    else bubble.append(...renderText(text));
    element.append(make("p", "who", NAMES[element.dataset.sender]), bubble);
    if (buttons?.length) element.append(this.#renderChoices(buttons));
    return element;
  }

  #renderChoices(buttons) {
    const group = make("div", "choices");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", "Suggested answers");
    for (const { title, payload } of buttons) {
      const button = make("button", "choice", title);
      button.type = "button";
      button.addEventListener("click", () => this.#onChoice({ title, payload }));
      group.append(button);
    }
    return group;
  }
}

/**
 * Turns the light markup of replies into nodes: blank lines part paragraphs, lines that start with "- " make a list,
 * `*emphasis*`, and https addresses become links.
 * @param {string} text
 * @returns {HTMLElement[]}
 */
export function renderText(text) {
  const blocks = [];
  let open = null; // the paragraph or list that the next line may continue
  for (const line of (text ?? "").split(/\r?\n/)) {
    const isItem = line.startsWith("- ");
    if (!line.trim()) {
      open = null;
      continue;
    }
    if (open?.tagName !== (isItem ? "UL" : "P")) {
      open = make(isItem ? "ul" : "p");
      blocks.push(open);
    } else if (!isItem) {
      open.append(make("br"));
    }
    if (isItem) open.append(renderLine(make("li"), line.slice(2)));
    else renderLine(open, line);
  }
  return blocks;
}

function renderLine(parent, line) {
  let from = 0;
  const markup = /https:\/\/[^\s<>"*]+|\*(\S|\S[^*]*\S)\*(?![\p{L}\p{M}\p{N}])/gu;
  for (let match = markup.exec(line); match; match = markup.exec(line)) {
    const emphasis = match[1];
    // As in 2*3*4. Not by a lookbehind: where a browser does not know it, the whole page would not work.
    if (emphasis && /[\p{L}\p{M}\p{N}]$/u.test(line.slice(0, match.index))) {
      markup.lastIndex = match.index + 1;
      continue;
    }
    const found = emphasis ? match[0] : withoutPunctuation(match[0]);
    parent.append(line.slice(from, match.index), emphasis ? make("em", "", emphasis) : makeLink(found));
    from = match.index + found.length;
    markup.lastIndex = from;
  }
  parent.append(line.slice(from));
  return parent;
}

/** A full stop or bracket after an address belongs to the sentence. */
function withoutPunctuation(address) {
  return address.replace(/[.,;:!?)\]}'’”]+$/, "");
}

function makeLink(address) {
  const link = make("a", "", address);
  link.href = address;
  link.target = "_blank";
  link.rel = "noopener noreferrer"; // noopener also keeps the new tab from getting a copy of our sessionStorage
  return link;
}

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}
