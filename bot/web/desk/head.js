/** Above the messages: whose conversation it is, how it stands, and what has just happened to it. */

import { button, byId, channelName, clock, languageName, make, renderOnChange, setText } from "./dom.js";
import { badges, standing } from "./queue.js";
import { isMine } from "./state.js";

/**
 * @param {import("./state.js").State} state
 * @param {Map<string, string>} lostWhy how conversations were lost, by id
 */
export function renderHead(state, lostWhy) {
  const { open } = state;
  const card = open?.card;
  setText(byId("talk-title"), card?.label ?? (open ? "Conversation" : "No conversation open"));
  byId("back").hidden = !open;
  const facts = card && [card, isMine(state, card)];
  renderOnChange(byId("talk-facts"), facts, () => (card ? describeCard(card, state) : []));
  byId("placeholder").hidden = Boolean(open?.loaded);
  setText(byId("placeholder"), placeholder(open));
  const notice = open && !isMine(state, card) ? lostWhy.get(open.id) : "";
  byId("talk-notice").hidden = !notice;
  const unsent = byId("text").value.trim() ? " What you had typed is kept below." : "";
  setText(byId("talk-notice"), notice ? notice + unsent : "");
}

function describeCard(card, state) {
  const facts = [card.reason?.name, card.topic?.name, languageName(card.language), channelName(card.channel)];
  return [
    ...badges(card),
    make("span", {}, standing(card, isMine(state, card), state)),
    card.readable && make("span", { class: "muted" }, facts.filter(Boolean).join(" · ")),
    card.left_at && make("span", { class: "muted" }, clock(card.left_at, "Left "), " ago"),
  ];
}

function placeholder(open) {
  if (!open) return "Choose a conversation from the list.";
  if (open.refused) return open.refused;
  if (open.card && !open.card.readable) {
    return open.card.holder ? `${open.card.holder.name} has this conversation.` : "You cannot read this conversation.";
  }
  return "Loading…";
}

/**
 * Dangers that are new in the open conversation; they stay until they are dismissed.
 * @param {import("./state.js").Open|null} open
 * @param {string[]} names
 * @param {() => void} onDismiss
 */
export function renderAlarms(open, names, onDismiss) {
  renderOnChange(byId("alarms"), [open?.id, names], () => (names.length ? [
    make("p", {}, make("strong", {}, "New alarm: "), names.join(", ")),
    button("Dismiss", () => {
      onDismiss();
      byId("talk-title").focus();
    }, { class: "plain small" }),
  ] : []));
}
