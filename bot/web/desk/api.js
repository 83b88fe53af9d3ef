/** The desk's endpoints over HTTP, and its event stream. Nothing here knows about the page. */

import { backOff } from "/web/api.js";

const ROOT = "/desk/api";
const CALL_TIMEOUT_MS = 20_000;
/** Browsers reconnect a stream that ends normally within this time: no need to tell anybody. */
const BREAK_MS = 4_000;
const EVENTS = ["card", "gone", "message", "conversation", "typing", "signed-out"];
/** The server says at least every 10 s that it is there; without a word for so long the line is dead. */
const SILENCE_MS = 30_000;

/** An answer that is not a success; status 0 means that there was no answer at all. */
export class DeskError extends Error {
  constructor(status, detail = "") {
    super(detail || `HTTP status ${status}`);
    this.status = status;
    this.detail = detail;
  }

  get signedOut() {
    return this.status === 401;
  }

  /** The same request, with the same id, may work in a moment. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** In words for the staff. */
  get reason() {
    if (this.detail) return this.detail;
    if (this.status === 0) return "The desk could not be reached.";
    if (this.status === 403) return "Your role does not allow this.";
    if (this.status === 404) return "This conversation is no longer there.";
    return "Something went wrong on our side.";
  }
}

/**
 * @param {string} method
 * @param {string} path below /desk/api
 * @param {{body?: object, background?: boolean, keepalive?: boolean}} [options] background: not done by the person, so
 *   that it does not count as being at work
 */
async function call(method, path, { body, background = false, keepalive = false } = {}) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), CALL_TIMEOUT_MS);
  try {
    const response = await fetch(ROOT + path, {
      method,
      headers: {
        Accept: "application/json",
        ...(body && { "Content-Type": "application/json" }),
        ...(background && { "X-Desk-Background": "1" }),
      },
      body: body && JSON.stringify(body),
      cache: "no-store",
      credentials: "same-origin",
      keepalive,
      signal: controller.signal,
    });
    if (!response.ok) throw await problem(response);
    return response.status === 204 ? null : await response.json();
  } catch (error) {
    throw error instanceof DeskError ? error : new DeskError(0);
  } finally {
    clearTimeout(timer);
  }
}

async function problem(response) {
  const isProblem = response.headers.get("Content-Type")?.startsWith("application/problem+json");
  const { detail = "" } = isProblem ? await response.json().catch(() => ({})) : {};
  return new DeskError(response.status, String(detail));
}

const about = (id) => `/conversations/${encodeURIComponent(id)}`;

export const fetchQueue = (background) => call("GET", "/queue", { background });
export const fetchConversation = (id, background) => call("GET", about(id), { background });
export const fetchSuggestions = (id) => call("GET", `${about(id)}/suggestions`, { background: true });
export const fetchCanned = (id) => call("GET", `${about(id)}/canned`);
export const fetchColleagues = () => call("GET", "/colleagues");
export const erase = (id) => call("DELETE", about(id));

/** @param {"claim"|"release"|"transfer"|"hand-back"|"close"|"messages"|"notes"} what */
export const post = (id, what, body = {}) => call("POST", `${about(id)}/${what}`, { body });

/** Nothing depends on a signal: what goes wrong is left alone. */
export function signal(id, body) {
  return call("POST", `${about(id)}/signals`, { body, background: true, keepalive: true }).catch(() => null);
}

/** One connection to the event stream at a time. */
export class Stream {
  #source = null;
  #timer;
  #silence;
  #failures = 0;
  #onEvent;
  #onConnection;
  #onBroken;

  /**
   * @param {object} options
   * @param {(event: {type: string, data: any}, conversation: string|null) => void} options.onEvent
   * @param {(connected: boolean) => void} options.onConnection
   * @param {() => void} options.onBroken the browser gave up: load afresh and connect again
   */
  constructor({ onEvent, onConnection, onBroken }) {
    this.#onEvent = onEvent;
    this.#onConnection = onConnection;
    this.#onBroken = onBroken;
  }

  /** @param {{from: number, conversation?: string|null, position?: number}} options where to go on from */
  connect({ from, conversation = null, position = 0 }) {
    this.close();
    const query = new URLSearchParams({ from: String(from) });
    if (conversation) {
      query.set("conversation", conversation);
      query.set("position", String(position));
    }
    const source = new EventSource(`${ROOT}/events?${query}`);
    this.#source = source;
    source.onopen = () => {
      this.#stopTimer();
      this.#failures = 0;
      this.#onConnection(true);
    };
    source.onerror = () => this.#failed(source);
    for (const type of EVENTS) {
      source.addEventListener(type, (event) => {
        if (source !== this.#source) return;
        this.#heard();
        this.#onEvent({ type, data: JSON.parse(event.data || "{}") }, conversation);
      });
    }
    source.addEventListener("alive", () => this.#heard());
    this.#heard();
  }

  /** A line can be dead without anybody saying so. */
  #heard() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.retryLater(), SILENCE_MS);
  }

  close() {
    this.#stopTimer();
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
  }

  /** Tries again later, and each time somewhat later. */
  retryLater() {
    this.close();
    this.#onConnection(false);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#onBroken(), backOff(this.#failures));
  }

  #failed(source) {
    if (source !== this.#source) return source.close();
    if (source.readyState === EventSource.CLOSED) return this.retryLater();
    this.#timer ??= setTimeout(() => this.#onConnection(false), BREAK_MS); // counted from the first of several tries
  }

  #stopTimer() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
