/**
 * The web chat contract over HTTP, and the one thing kept in the browser: which conversation this tab has open.
 * Nothing here knows about the page.
 *
 * @typedef {{id: string, token: string}} Session
 * @typedef {{title: string, payload: string}} Choice
 * @typedef {{id: string, sender: "user"|"assistant"|"person"|"system", text: string, buttons?: Choice[],
 *            sent_at?: string}} Message
 */

const ROOT = "/api/chat/conversations";
const STORAGE_KEY = "chat";
const CALL_TIMEOUT_MS = 30_000;
/** Longer than two keep-alive comments of the server: a silent stream is a dead one (a laptop that slept). */
const SILENCE_MS = 60_000;
const LONGEST_PAUSE_MS = 30_000;
/** A stream that lives this long counts as a connection; one that a proxy accepts and drops does not. */
const STEADY_MS = 3_000;
const DEFAULT_RETRY_AFTER_S = 5;

/** An answer that is not a success; status 0 means that there was no answer at all. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} [detail] what the server says about it, meant for the visitor
   * @param {number} [retryAfterMs]
   */
  constructor(status, detail = "", retryAfterMs = 0) {
    super(detail || `HTTP status ${status}`);
    this.status = status;
    this.detail = detail;
    this.retryAfterMs = retryAfterMs;
  }

  get unreachable() {
    return this.status === 0;
  }

  /** The conversation is no longer there, or our token does not open it. */
  get gone() {
    return [401, 404, 410].includes(this.status);
  }

  get tooFast() {
    return this.status === 429;
  }

  /** The server is there, cannot answer just now, and says when it will. */
  get busy() {
    return this.status === 503 && this.retryAfterMs > 0;
  }
}

/** A random UUID. `randomUUID` is missing on plain http, such as on a local network. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4
  bytes[8] = (bytes[8] & 0x3f) | 0x80; // variant of RFC 9562
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// Storage can be forbidden by the browser: the chat then works, but does not outlive a reload.

/** @returns {Session|null} */
export function loadSession() {
  try {
    const { id, token } = JSON.parse(sessionStorage.getItem(STORAGE_KEY));
    return id && token ? { id, token } : null;
  } catch {
    return null;
  }
}

/** @param {Session} session */
export function saveSession({ id, token }) {
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify({ id, token }));
  } catch {
    /* see above */
  }
}

export function forgetSession() {
  try {
    sessionStorage.removeItem(STORAGE_KEY);
  } catch {
    /* see above */
  }
}

/** @returns {Promise<{id: string, token: string, messages?: Message[]}>} */
export function createConversation(signal) {
  return call("POST", "", { body: {}, signal });
}

/** @returns {Promise<{messages?: Message[]}>} */
export function sendMessage(session, body, signal) {
  return call("POST", `${path(session)}/messages`, { session, body, signal });
}

/** @returns {Promise<{messages?: Message[]}>} */
export function fetchMessages(session, signal) {
  return call("GET", `${path(session)}/messages`, { session, signal });
}

export function eraseConversation(session) {
  return call("DELETE", path(session), { session });
}

/**
 * Tells that the visitor is typing, or how far she has read. Nothing depends on it: what goes wrong is left alone.
 * @param {Session} session
 * @param {{typing: boolean}|{read: string}} body
 */
export function sendSignal(session, body) {
  return call("POST", `${path(session)}/signals`, { session, body }).catch(() => null);
}

/**
 * Follows a conversation until `signal` aborts or the conversation is gone, reconnecting by itself.
 *
 * @param {Session} session
 * @param {object} options
 * @param {string} [options.after] id of the last message already known; everything later comes, or all there is
 * @param {AbortSignal} options.signal
 * @param {(message: Message) => void} options.onMessage
 * @param {(typing: boolean) => void} options.onTyping a person of the team types, or has stopped
 * @param {(state: "assistant"|"waiting"|"person"|"closed") => void} options.onState who answers
 * @param {(connected: boolean) => void} options.onConnection
 * @returns {Promise<void>} rejects with an `ApiError` whose `gone` is true, and with nothing else
 */
export async function follow(session, { after, signal, onMessage, onTyping, onState, onConnection }) {
  let failures = 0;
  const onSteady = () => {
    failures = 0;
    if (!signal.aborted) onConnection(true);
  };
  while (!signal.aborted) {
    let leastPause = 0;
    let steady;
    let stated = false;
    try {
      for await (const event of events(session, after, signal)) {
        if (signal.aborted) return;
        if (!event) {
          steady = setTimeout(() => {
            onSteady(); // being accepted alone proves little
            // Whoever is not the assistant is named at once; it may be the assistant again since the last connection.
            if (!stated && !signal.aborted) onState("assistant");
          }, STEADY_MS);
          continue;
        }
        onSteady();
        if (event.id) after = event.id;
        if (!event.data) continue;
        if (event.type === "message") onMessage(event.data);
        else if (event.type === "typing") onTyping(Boolean(event.data.typing));
        else if (event.type === "state") {
          stated = true;
          onState(event.data.state);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error.gone) throw error;
      leastPause = error.retryAfterMs ?? 0;
    } finally {
      clearTimeout(steady);
    }
    failures += 1;
    // One break is normal: servers and proxies close long answers now and then.
    if (failures > 1) onConnection(false);
    await pause(Math.max(leastPause, backOff(failures)), signal);
  }
}

/**
 * Waits, but no longer than until the device is online again.
 * @returns {Promise<void>} resolves also when `signal` aborts
 */
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      window.removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    window.addEventListener("online", end);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

/** Doubles from one second; the random part keeps a thousand browsers from returning in the same instant. */
export function backOff(failures) {
  const ms = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** (failures - 1));
  return ms * (0.75 + Math.random() / 2);
}

function path(session) {
  return `/${encodeURIComponent(session.id)}`;
}

function headers(session) {
  return session ? { Authorization: `Bearer ${session.token}` } : {};
}

async function call(method, where, { session, body, signal }) {
  const limit = deadline(signal);
  limit.renew(CALL_TIMEOUT_MS);
  try {
    const response = await request(ROOT + where, {
      method,
      headers: { ...headers(session), Accept: "application/json", ...(body && { "Content-Type": "application/json" }) },
      body: body && JSON.stringify(body),
      signal: limit.signal,
    });
    return response.status === 204 ? {} : await response.json();
  } catch (error) {
    // A broken or unreadable answer is no answer: sending the same id again is safe.
    throw error instanceof ApiError ? error : new ApiError(0);
  } finally {
    limit.end();
  }
}

async function request(url, options) {
  const response = await fetch(url, {
    ...options,
    cache: "no-store",
    credentials: "omit",
    referrerPolicy: "no-referrer",
  });
  if (!response.ok) throw await problem(response);
  return response;
}

async function problem(response) {
  let detail = "";
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json")) {
    detail = String((await response.json().catch(() => ({}))).detail ?? "");
  }
  return new ApiError(response.status, detail, retryAfterMs(response));
}

function retryAfterMs(response) {
  const value = response.headers.get("Retry-After");
  if (value === null) return response.status === 429 ? DEFAULT_RETRY_AFTER_S * 1000 : 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(1000, ms) : DEFAULT_RETRY_AFTER_S * 1000;
}

/** A signal that aborts with `outer` or when it was not renewed in time. */
function deadline(outer) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let timer;
  if (outer?.aborted) abort();
  outer?.addEventListener("abort", abort);
  return {
    signal: controller.signal,
    renew(ms) {
      clearTimeout(timer);
      timer = setTimeout(abort, ms);
    },
    end() {
      clearTimeout(timer);
      outer?.removeEventListener("abort", abort);
      abort(); // lets go of a stream that is not read to its end
    },
  };
}

/**
 * One connection to the event stream (EventSource cannot send the Authorization header).
 * Yields null once when connected, then `{type, id, data}` for each event.
 */
async function* events(session, after, signal) {
  const limit = deadline(signal);
  limit.renew(SILENCE_MS);
  try {
    const response = await request(`${ROOT}${path(session)}/events`, {
      headers: { ...headers(session), Accept: "text/event-stream", ...(after && { "Last-Event-ID": after }) },
      signal: limit.signal,
    });
    yield null;
    let event = { type: "message", id: "", data: [] };
    for await (const line of lines(response.body, () => limit.renew(SILENCE_MS))) {
      if (line !== "") {
        readField(event, line);
        continue;
      }
      if (event.type === "erased") throw new ApiError(410);
      if (event.data.length) yield { ...event, data: parse(event.data.join("\n")) };
      event = { type: "message", id: "", data: [] };
    }
  } finally {
    limit.end();
  }
}

function readField(event, line) {
  const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
  if (name === "data") event.data.push(value);
  else if (name === "id") event.id = value;
  else if (name === "event") event.type = value;
  // anything else, such as a keep-alive comment (an empty name), says nothing to us
}

async function* lines(body, onBytes) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    const parts = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = parts.pop();
    for (const part of parts) yield part.replace(/\r$/, "");
  }
}

function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
