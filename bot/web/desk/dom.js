/** Small helpers for building the page: elements, times and words. Text only ever gets in as text. */

/**
 * @param {string} tag
 * @param {Record<string, any>} [attributes] functions become listeners, `true` an empty attribute; false and null are
 *   left out; `class` and `dataset` work as expected
 * @param {...(Node|string|null|false|undefined)} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A button that is no submit button. */
export function button(text, onClick, attributes = {}) {
  return make("button", { type: "button", click: onClick, ...attributes }, text);
}

export const byId = (id) => document.getElementById(id);

/** Changes a text only when it differs: live regions read out every change. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Rebuilds the content of an element only when what it is made from has changed, and keeps the focus where it was
 * (by `data-focus`).
 */
export function renderOnChange(element, made, build) {
  const key = JSON.stringify(made);
  if (rendered.get(element) === key) return false;
  rendered.set(element, key);
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  element.replaceChildren(...build().filter(Boolean));
  if (focused) element.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  return true;
}

const rendered = new WeakMap();

// ---- times -----------------------------------------------------------------------------------------------------

let skewMs = 0;

/** The clock of this computer may be wrong; what counts is the server's. */
export function setServerTime(iso) {
  const ms = Date.parse(iso);
  if (Number.isFinite(ms)) skewMs = ms - Date.now();
}

/** How long ago: minutes and seconds, from one hour on hours and minutes, from two days on days. */
export function elapsed(iso) {
  const seconds = Math.max(0, Math.floor((Date.now() + skewMs - Date.parse(iso)) / 1000));
  const two = (number) => String(number).padStart(2, "0");
  if (seconds < 3600) return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
  const hours = Math.floor(seconds / 3600);
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return `${hours} h ${two(Math.floor((seconds % 3600) / 60))} m`;
}

/** A text that ticks with `tick`, such as "Waiting 03:12". */
export function clock(iso, before = "") {
  const element = make("time", { class: "clock", datetime: iso }, `${before}${elapsed(iso)}`);
  element.dataset.before = before;
  return element;
}

export function tick() {
  for (const element of document.querySelectorAll("time.clock")) {
    setText(element, `${element.dataset.before}${elapsed(element.dateTime)}`);
  }
}

const timeOfDay = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const fullDate = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "long", year: "numeric" });

export const hour = (iso) => (iso ? timeOfDay.format(new Date(iso)) : "");
export const day = (iso) => (iso ? fullDate.format(new Date(iso)) : "");
export const moment = (iso) => (iso ? `${day(iso)}, ${hour(iso)}` : "");

// ---- words -----------------------------------------------------------------------------------------------------

const CHANNELS = { web: "Web chat", whatsapp: "WhatsApp", telegram: "Telegram", messenger: "Messenger", sms: "SMS" };

export const channelName = (id) => CHANNELS[id] ?? words(id);

export function languageName(code) {
  if (!code) return "";
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** An id as words: `call_back` becomes "Call back". */
export function words(id) {
  const text = String(id ?? "").replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Touch screens and the like: Enter is a new line there, and focus would bring up the keyboard. */
export const isTouch = () => !matchMedia("(hover: hover) and (pointer: fine)").matches;
