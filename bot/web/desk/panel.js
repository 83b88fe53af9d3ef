/** The side panel: dangers, contact, referrals, topics, history, and the notes of staff. */

import { newId } from "/web/api.js";
import { byId, make, moment, renderOnChange, setText, words } from "./dom.js";
import { may } from "./state.js";

const WHO = { visitor: "The visitor", assistant: "The assistant", system: "The desk itself" };

export class Panel {
  /** @type {Map<string, string>} what is typed as a note, by conversation */
  #drafts = new Map();
  #id = null;
  #onNote;
  /** The id of the note under way, and its text: the same again is the same note. */
  #sending = null;

  /** @param {{onNote: (conversation: string, note: {id: string, text: string}) => Promise<void>}} options */
  constructor({ onNote }) {
    this.#onNote = onNote;
    const field = byId("note");
    field.addEventListener("input", () => this.#drafts.set(this.#id, field.value));
    byId("note-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    // Side by side there is room for it all; folded it is closed at first.
    const wide = matchMedia("(min-width: 60rem)");
    const fold = () => {
      byId("side-details").open = wide.matches;
      byId("side-details").querySelector("summary").tabIndex = wide.matches ? -1 : 0;
    };
    wide.addEventListener("change", fold);
    fold();
  }

  /** @param {import("./state.js").State} state */
  render(state) {
    const { open } = state;
    byId("side").hidden = !open?.loaded;
    if (this.#id !== (open?.id ?? null)) {
      this.#id = open?.id ?? null;
      byId("note").value = this.#drafts.get(this.#id) ?? "";
      setText(byId("note-problem"), "");
    }
    if (!open?.loaded) {
      renderOnChange(byId("panel"), null, () => []);
      renderOnChange(byId("notes-list"), null, () => []);
      return;
    }
    renderOnChange(byId("panel"), open.panel, () => sections(open.panel, state));
    renderOnChange(byId("notes-list"), open.notes, () => open.notes.map(renderNote));
  }

  async #send() {
    const [conversation, field] = [this.#id, byId("note")];
    const text = field.value.trim();
    if (!text) return field.focus();
    if (this.#sending?.text !== text || this.#sending.conversation !== conversation) {
      this.#sending = { conversation, id: newId(), text };
    }
    setText(byId("note-problem"), "");
    try {
      await this.#onNote(conversation, { id: this.#sending.id, text });
      this.#sending = null;
      this.#drafts.delete(conversation);
      if (this.#id === conversation && field.value.trim() === text) field.value = "";
    } catch (error) {
      if (this.#id === conversation) setText(byId("note-problem"), `Not saved. ${error.reason ?? ""}`.trim());
    }
  }
}

function renderNote({ author, text, written_at: at, mine }) {
  const who = make("p", { class: "note-who" }, `${mine ? "You" : author} · ${moment(at)}`);
  return make("li", { class: "note" }, who, make("p", { class: "typed", dir: "auto" }, text));
}

function section(title, ...content) {
  const shown = content.flat().filter(Boolean);
  return shown.length ? make("section", {}, make("h3", {}, title), ...shown) : null;
}

function list(items, build) {
  return items?.length ? make("ul", {}, ...items.map((item) => make("li", {}, ...[build(item)].flat()))) : null;
}

function sections(panel, state) {
  const { history } = panel;
  return [
    section("Dangers noticed", list(panel.flags, describeFlag)),
    section("Contact", panel.contact && facts(panel.contact)),
    section("Referrals", list(panel.referrals, ({ code, kind, state: stands, changed_at: at }) => [
      may(state, "referrals") ? make("a", { href: `/desk/referrals/${encodeURIComponent(code)}` }, code) : code,
      `: ${words(kind)}, ${words(stands).toLowerCase()}${at ? ` (${moment(at)})` : ""}`,
    ])),
    section("Topics", list(panel.topics, ({ name, times }) => (times > 1 ? `${name} (${times} times)` : name))),
    history && section(
      "History",
      make("p", { class: "muted" }, describeSharing(history)),
      history.shared && list(history.lines, (line) => line),
    ),
    section("Earlier conversations", list(panel.earlier, ({ id, label, last_message_at: at, state: stands }) => [
      make("a", { href: `#${id}` }, label),
      ` ${[state.states[stands] ?? words(stands), moment(at)].filter(Boolean).join(", ")}`,
    ])),
    section("Who answered", list(panel.changes, ({ state: to, who, why, at }) => [
      make("span", {}, `${state.states[to] ?? words(to)}: ${state.reasons[why] ?? words(why)}`),
      make("span", { class: "muted block" }, `${WHO[who] ?? who}, ${moment(at)}`),
    ])),
  ];
}

function describeFlag({ name, level, level_name: levelName, raised_at: at, handled_at: handled }) {
  return [
    make("span", { class: `badge level-${level}` }, levelName),
    ` ${name}`,
    make("span", { class: "muted block" }, `${moment(at)}, ${handled ? `seen to ${moment(handled)}` : "open"}`),
  ];
}

function describeSharing({ shared, since }) {
  if (!shared) return "The visitor has not shared her history.";
  return since ? `The visitor shares this with us since ${moment(since)}.` : "The visitor shares this with us.";
}

function facts(values) {
  const rows = Object.entries(values).filter(([, value]) => value !== null && value !== "" && value?.length !== 0);
  if (!rows.length) return null;
  return make("dl", { class: "facts" }, ...rows.flatMap(([key, value]) => [
    make("dt", {}, words(key)),
    make("dd", { dir: "auto" }, describe(value)),
  ]));
}

function describe(value) {
  if (Array.isArray(value)) return value.map(describe).join(", ");
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "object") return value.name ?? Object.values(value).map(describe).join(", ");
  return String(value);
}
