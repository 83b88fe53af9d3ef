/**
 * What the visitor has written and the server has not confirmed: sent one after another, kept while offline, tried
 * again after "too fast" and, a few times, after "busy", and otherwise left for the visitor to retry. Every try carries
 * the same id, so that the server can tell a repetition from a new message.
 *
 * `navigator.onLine` never keeps a message back: it is false on a machine whose only network is the loopback, where the
 * server may well be. It only tells, once there was no answer, whether to wait for the network.
 *
 * @typedef {{id: string, text: string, body: {id: string, text?: string, payload?: string}}} Outgoing
 * @typedef {"again"|"queued"|"sending"|"offline"|"waiting"|"failed"|"sent"} State "again": once more at the end of the
 *   queue
 */

import { backOff, pause } from "./api.js";

const MOST_REPEATS_WHEN_BUSY = 5;

export class Outbox {
  /** @type {Outgoing[]} */
  #queue = [];
  /** @type {Map<string, {item: Outgoing, error: Error}>} */
  #failed = new Map();
  #stopped = new AbortController();
  #running = false;
  #offline = false;
  /** How often the first in the queue was tried in vain: without a network, and while the server was busy. */
  #failures = 0;
  #repeats = 0;
  /** Whether the server has shown that it knows the first in the queue. */
  #known = false;
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
    this.#onState(item, this.#offline ? "offline" : "queued");
    this.#run();
  }

  retry(id) {
    const failure = this.#failed.get(id);
    if (!failure) return;
    this.#failed.delete(id);
    this.#onState(failure.item, "again");
    this.add(failure.item);
  }

  /**
   * The server has shown that it knows this message, although its answer to us was lost.
   * @returns {boolean} whether it counted as failed until now
   */
  settle(id) {
    if (this.#queue[0]?.id === id) this.#known = true;
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
    this.#offline = false;
    this.#startCounting();
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
    // Without a network, tries are quiet: a screen reader would read out each change.
    if (!this.#offline || navigator.onLine) this.#onState(item, "sending");
    try {
      await this.#deliver(item, signal);
    } catch (error) {
      if (!signal.aborted) await this.#recover(item, error, signal);
      return;
    }
    if (signal.aborted) return;
    this.#backOnline();
    this.#take();
    this.#onState(item, "sent");
  }

  async #recover(item, error, signal) {
    if (error.unreachable && !navigator.onLine) {
      this.#offline = true;
      for (const waiting of this.#queue) this.#onState(waiting, "offline");
      return pause(backOff((this.#failures += 1)), signal);
    }
    this.#backOnline();
    if (error.tooFast || (error.busy && this.#repeats < MOST_REPEATS_WHEN_BUSY)) {
      if (error.busy) this.#repeats += 1;
      this.#onState(item, "waiting", error);
      return pause(error.retryAfterMs, signal);
    }
    const known = this.#known;
    this.#take();
    if (known) return this.#onState(item, "sent"); // the answer will come with the event stream
    this.#failed.set(item.id, { item, error });
    this.#onState(item, "failed", error);
  }

  #backOnline() {
    if (!this.#offline) return;
    this.#offline = false;
    for (const item of this.#queue.slice(1)) this.#onState(item, "queued");
  }

  #take() {
    this.#startCounting();
    return this.#queue.shift();
  }

  #startCounting() {
    this.#failures = 0;
    this.#repeats = 0;
    this.#known = false;
  }

  #retryUnreachable() {
    for (const [id, { error }] of [...this.#failed]) {
      if (error.unreachable) this.retry(id);
    }
  }
}
