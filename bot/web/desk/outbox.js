/**
 * What staff have written and the server has not confirmed, by conversation: sent one after another; every try carries
 * the same id, so that the server can tell a repetition from a new message.
 *
 * @typedef {{id: string, text: string, topic?: string, state: "sending"|"failed", problem: string,
 *   unreached?: boolean}} Pending unreached: worth another try when the connection is back
 */

import { newId } from "/web/api.js";
import { post } from "./api.js";

const PAUSES_MS = [1000, 3000];

export class Outbox {
  /** @type {Map<string, Pending[]>} */
  #pending = new Map();
  /** @type {Map<string, Promise<void>>} the end of what is under way, by conversation */
  #last = new Map();
  #onSent;
  #onChange;
  #onError;

  /**
   * @param {object} options
   * @param {(conversation: string, message: import("./state.js").DeskMessage) => void} options.onSent
   * @param {() => void} options.onChange
   * @param {(error: import("./api.js").DeskError) => void} options.onError
   */
  constructor({ onSent, onChange, onError }) {
    this.#onSent = onSent;
    this.#onChange = onChange;
    this.#onError = onError;
  }

  /** @returns {Pending[]} */
  of(conversation) {
    return this.#pending.get(conversation) ?? [];
  }

  /** Whatever is not sent, in any conversation. */
  get unsent() {
    return [...this.#pending.values()].flat().map(({ text }) => text);
  }

  add(conversation, text, topic) {
    const item = { id: newId(), text, ...(topic && { topic }), state: "sending", problem: "" };
    this.#pending.set(conversation, [...this.of(conversation), item]);
    this.#queue(conversation, item);
  }

  retry(conversation, id) {
    const item = this.of(conversation).find((other) => other.id === id && other.state === "failed");
    if (!item) return;
    item.state = "sending";
    this.#queue(conversation, item);
  }

  /** The connection is back: what did not get through for want of it goes now. */
  retryUnreached() {
    for (const [conversation, items] of this.#pending) {
      for (const { id, unreached } of items) if (unreached) this.retry(conversation, id);
    }
  }

  #queue(conversation, item) {
    const before = this.#last.get(conversation) ?? Promise.resolve();
    this.#last.set(conversation, before.then(() => this.#send(conversation, item)));
    this.#onChange();
  }

  async #send(conversation, item) {
    try {
      const { id, text, topic } = item;
      const message = await this.#deliver(conversation, { id, text, ...(topic && { topic }) });
      this.#pending.set(conversation, this.of(conversation).filter((other) => other !== item));
      this.#onSent(conversation, message);
    } catch (error) {
      item.state = "failed";
      item.problem = error.reason ?? "Something went wrong here.";
      item.unreached = error.passing === true;
      this.#onError(error);
    }
    this.#onChange();
  }

  async #deliver(conversation, body) {
    for (const ms of PAUSES_MS) {
      try {
        return await post(conversation, "messages", body);
      } catch (error) {
        if (!error.passing) throw error;
        await new Promise((resolve) => setTimeout(resolve, ms));
      }
    }
    return post(conversation, "messages", body);
  }
}
