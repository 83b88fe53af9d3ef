/**
 * What the visitor has written and the server has not confirmed: sent one after another, kept while offline, tried
 * again after "too fast", and otherwise left for the visitor to retry. Every try carries the same id, so that the
 * server can tell a repetition from a new message.
 *
 * @typedef {{id: string, text: string, body: {id: string, text?: string, payload?: string}}} Outgoing
 * @typedef {"sending"|"offline"|"waiting"|"failed"|"sent"} State
 */

import { pause } from "./api.js";

const FOREVER_MS = 2 ** 31 - 1;

export class Outbox {
  /** @type {Outgoing[]} */
  #queue = [];
  /** @type {Map<string, {item: Outgoing, error: Error}>} */
  #failed = new Map();
  #stopped = new AbortController();
  #running = false;
  #deliver;
  #onState;

  /**
   * @param {object} options
   * @param {(item: Outgoing, signal: AbortSignal) => Promise<void>} options.deliver throws `ApiError`
   * @param {(item: Outgoing, state: State, error?: import("./api.js").ApiError) => void} options.onState
   */
  constructor({ deliver, onState }) {
    this.#deliver = deliver;
    this.#onState = onState;
    // "offline" is often noticed only after a request has failed: those are worth another try now.
    window.addEventListener("online", () => this.#retryUnreachable());
  }

  /** @param {Outgoing} item */
  add(item) {
    this.#queue.push(item);
    if (!navigator.onLine) this.#onState(item, "offline");
    this.#run();
  }

  retry(id) {
    const failure = this.#failed.get(id);
    if (!failure) return;
    this.#failed.delete(id);
    this.add(failure.item);
  }

  /**
   * The server has shown that it knows this message, although its answer to us was lost.
   * @returns {boolean} whether it counted as failed until now
   */
  settle(id) {
    return this.#failed.delete(id);
  }

  /** Stops everything under way and returns what was still to be sent. */
  clear() {
    const unsent = this.#queue;
    this.#stopped.abort();
    this.#stopped = new AbortController();
    this.#queue = [];
    this.#failed.clear();
    this.#running = false;
    return unsent;
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    const { signal } = this.#stopped;
    while (!signal.aborted && this.#queue.length) await this.#next(signal);
    if (!signal.aborted) this.#running = false;
  }

  async #next(signal) {
    const item = this.#queue[0];
    if (!navigator.onLine) {
      for (const waiting of this.#queue) this.#onState(waiting, "offline");
      return pause(FOREVER_MS, signal);
    }
    this.#onState(item, "sending");
    try {
      await this.#deliver(item, signal);
    } catch (error) {
      if (!signal.aborted) await this.#recover(item, error, signal);
      return;
    }
    if (signal.aborted) return;
    this.#queue.shift();
    this.#onState(item, "sent");
  }

  async #recover(item, error, signal) {
    if (error.tooFast) {
      this.#onState(item, "waiting", error);
      return pause(error.retryAfterMs, signal);
    }
    if (error.unreachable && !navigator.onLine) return; // comes round again and waits for the network
    this.#queue.shift();
    this.#failed.set(item.id, { item, error });
    this.#onState(item, "failed", error);
  }

  #retryUnreachable() {
    for (const [id, { error }] of [...this.#failed]) {
      if (error.unreachable) this.retry(id);
    }
  }
}
