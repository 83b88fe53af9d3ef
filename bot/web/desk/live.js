/**
 * The live page: loads the queue and the open conversation, follows the event stream, and hands every new state to the
 * parts of the page. What an event changes is decided in state.js alone.
 */

import { Actions } from "./actions.js";
import { Alerts } from "./alerts.js";
import { fetchConversation, fetchQueue, post, signal, Stream } from "./api.js";
import { Composer } from "./composer.js";
import { byId, make, setServerTime, setText, tick } from "./dom.js";
import { renderAlarms, renderHead } from "./head.js";
import { Outbox } from "./outbox.js";
import { Panel } from "./panel.js";
import { Queue } from "./queue.js";
import {
  apply,
  hasOtherFlags,
  initial,
  isMine,
  lost,
  mine,
  newAlarms,
  newlyInDanger,
  newlyUnread,
  newlyWaiting,
  waiting,
} from "./state.js";
import { Thread } from "./thread.js";

const TYPING_LASTS_MS = 6000;
const TICK_MS = 1000;
/** No tick for this long: the computer slept, and the stream may be dead without anybody having noticed. */
const SLEPT_MS = 90_000;
const NEWS_LASTS_MS = 20_000;
const SKIP_LINK = "#main";

/** @type {import("./state.js").State|null} */
let state = null;
/** Counts the loads: the answer to an earlier one is of no use any more. */
let loading = 0;
/** @type {Map<string, string[]>} dangers to be told until somebody dismisses them, by conversation */
const untold = new Map();
/** @type {Map<string, string>} how the open conversation was lost, by conversation */
const lostWhy = new Map();
let readSent = "";

const stream = new Stream({ onEvent: receive, onConnection: showConnection, onBroken: load });
const outbox = new Outbox({
  onSent: (conversation, data) => change({ type: "message", data, conversation }),
  onChange: render,
  onError: noticeSignedOut,
});
const actions = new Actions({
  onCard: (data) => {
    change({ type: "answered", data });
    if (isMine(state, data) && location.hash === `#${data.id}`) composer.focus();
  },
  onErased: (id) => {
    change({ type: "gone", data: { id } });
    if (openId() === id) goBack();
  },
  onError: showProblem,
  onDone: tellNews,
});
const alerts = new Alerts();
const queue = new Queue({ onClaim: claimFromCard });
const thread = new Thread({ onRetry: (id) => outbox.retry(openId(), id) });
const composer = new Composer({ onSend: (id, text, topic) => {
  outbox.add(id, text, topic);
  thread.scrollToEnd();
} });
const panel = new Panel({ onNote: async (conversation, note) => {
  change({ type: "note", data: await post(conversation, "notes", note), conversation });
} });

// ---- loading and following -------------------------------------------------------------------------------------

const openId = () => state?.open?.id ?? null;
const wantedId = () => (location.hash === SKIP_LINK ? null : location.hash.slice(1) || null);

/** Loads everything afresh and follows from there. Whatever happened in between comes with the stream. */
async function load({ background = true } = {}) {
  const turn = (loading += 1);
  const id = wantedId();
  const [list, opened] = await Promise.allSettled([fetchQueue(background), id && fetchConversation(id, background)]);
  if (turn !== loading || state?.signedOut) return;
  if (noticeSignedOut(list.reason ?? opened.reason)) return;
  if (list.reason) {
    if (!state) setText(byId("empty"), list.reason.reason);
    return list.reason.passing ? stream.retryLater() : stream.close();
  }
  setServerTime(list.value.now);
  const before = state;
  let after = before === null ? initial(list.value) : apply(before, { type: "queue", data: list.value });
  if (id && after.open?.id !== id) after = apply(after, { type: "open", data: { id } });
  if (!id) after = apply(after, { type: "left" });
  if (id && opened.value) after = apply(after, { type: "loaded", data: opened.value });
  const refused = opened.reason;
  // What is shown already stays while the server has trouble.
  if (refused && !(refused.passing && after.open.loaded)) {
    after = apply(after, { type: "refused", data: { id, detail: refused.reason } });
  }
  become(before, after);
  if (refused?.passing) stream.retryLater();
  else follow(list.value, opened.value);
}

function follow(list, opened) {
  if (!opened) return stream.connect({ from: list.cursor });
  stream.connect({
    // The two were not loaded in the same instant: what one of them had already is harmless to get again.
    from: Math.min(list.cursor, opened.cursor),
    conversation: opened.card.id,
    position: opened.messages.at(-1)?.position ?? 0,
  });
}

let typingTimer;

function receive(event, conversation) {
  const isOfOpen = ["message", "conversation", "typing"].includes(event.type);
  const before = state;
  change(isOfOpen ? { ...event, conversation } : event);
  // A danger is found after its message was sent on: only afresh does the message say so.
  if (hasOtherFlags(before, state)) load();
  if (event.type !== "typing") return;
  clearTimeout(typingTimer);
  const ended = { type: "typing", data: { who: "visitor", typing: false }, conversation };
  if (event.data.typing) typingTimer = setTimeout(change, TYPING_LASTS_MS, ended);
}

function change(event) {
  if (state) become(state, apply(state, event));
}

/** Shows a new state, and tells what is new in it. */
function become(before, after) {
  if (before === after) return;
  state = after;
  if (before && !after.signedOut) tellDifferences(before, after);
  render();
  if (after.signedOut) return stream.close();
  const { open } = after;
  // It may be read again, such as after it was passed on to me: what is in it has to be loaded.
  const wasClosed = before?.open?.id === open?.id && !before?.open?.card?.readable;
  if (open && !open.loaded && open.card?.readable && wasClosed) load();
}

function tellDifferences(before, after) {
  const given = actions.givingAway;
  alerts.waiting(newlyWaiting(before, after).filter(({ id }) => !given.has(id)));
  if (newlyUnread(before, after).length) alerts.message();
  const inDanger = newlyInDanger(before, after);
  if (inDanger.length) alerts.danger();
  for (const { id, label } of inDanger) {
    if (after.open?.id !== id) tellNews(`${label}: a danger was noticed. Please look.`);
  }
  const dangers = newAlarms(before, after);
  if (dangers.length) untold.set(after.open.id, [...new Set([...(untold.get(after.open.id) ?? []), ...dangers])]);
  for (const pair of lost(before, after)) {
    const { id, label } = pair.before;
    if (given.has(id)) continue;
    const why = describeLoss(pair.after);
    lostWhy.set(id, why);
    if (after.open?.id !== id) tellNews(`${label}: ${why}`);
  }
  for (const { id } of mine(after)) lostWhy.delete(id);
}

function describeLoss(card) {
  const now = {
    person: `${card?.holder?.name ?? "somebody"} has it now`,
    waiting: "it waits for somebody of the team again",
    assistant: "the assistant answers again",
    closed: "it is closed",
  };
  return `You do not have this conversation any more: ${now[card?.state] ?? "it is no longer on the desk"}.`;
}

// ---- what the page shows ---------------------------------------------------------------------------------------

function render() {
  if (!state) return;
  byId("desk").hidden = byId("strip").hidden = state.signedOut;
  const { open } = state;
  byId("desk").dataset.view = open ? "conversation" : "queue";
  document.body.dataset.view = byId("desk").dataset.view;
  queue.render(state);
  composer.render(state);
  renderHead(state, lostWhy);
  renderAlarms(open, untold.get(open?.id) ?? [], () => {
    untold.delete(open.id);
    render();
  });
  thread.render(state, open ? outbox.of(open.id) : []);
  setText(byId("typing"), open?.typing ? "The visitor is typing…" : "");
  panel.render(state);
  actions.render(state);
  if (state.signedOut) showSignedOut();
  alerts.badge(waiting(state).length + mine(state).filter(({ unread }) => unread > 0).length);
  sendRead();
}

function showConnection(connected) {
  const element = byId("connection");
  if (connected && element.classList.contains("lost")) outbox.retryUnreached();
  element.classList.toggle("lost", !connected);
  setText(element, connected ? "Connected" : "Connection lost, trying again");
}

let newsTimer;

function tellNews(text) {
  clearTimeout(newsTimer);
  setText(byId("news"), text);
  newsTimer = setTimeout(setText, NEWS_LASTS_MS, byId("news"), "");
}

/** @param {string} id the conversation it is about */
function showProblem(id, error) {
  if (noticeSignedOut(error)) return;
  if (id !== openId()) return tellNews(`${state.cards.get(id)?.label ?? "Conversation"}: ${error.reason}`);
  byId("talk-problem").hidden = false;
  setText(byId("talk-problem"), error.reason);
}

function clearProblem() {
  byId("talk-problem").hidden = true;
  setText(byId("talk-problem"), "");
}

/** @returns {boolean} whether that was it */
function noticeSignedOut(error) {
  if (!error?.signedOut) return false;
  if (state) change({ type: "signed-out" });
  else {
    byId("desk").hidden = byId("strip").hidden = true;
    stream.close();
    showSignedOut();
  }
  return true;
}

function showSignedOut() {
  const element = byId("signed-out");
  if (element.childElementCount) return;
  if (byId("dialog").open) byId("dialog").close();
  const unsent = [...composer.unsent, ...outbox.unsent];
  element.append(
    make("div", { class: "notice bad" }, make(
      "p", {}, "You were signed out. ", make("a", { href: "/desk/sign-in?next=/desk" }, "Sign in again"),
    )),
    ...unsent.map((text) => make("label", { class: "unsent" }, "You had typed this, and it is not sent:",
      make("textarea", { readonly: true, rows: 4 }, text))),
  );
}

// ---- reading ---------------------------------------------------------------------------------------------------

/** Tells how far my open conversation is read, once for each message, while it can be seen. */
function sendRead() {
  const { open } = state;
  const last = open?.messages.at(-1)?.position;
  if (!open?.loaded || !isMine(state, open.card) || document.hidden || last === undefined) return;
  const key = `${open.id} ${last}`;
  if (key === readSent || (last <= open.card.staff_read && open.card.unread === 0)) return;
  readSent = key;
  signal(open.id, { read: last });
}

// ---- going about -----------------------------------------------------------------------------------------------

let lastHash = location.hash;

function goTo() {
  if (location.hash === SKIP_LINK) {
    history.replaceState(null, "", lastHash || location.pathname); // the skip link is no conversation
    return byId("main").focus();
  }
  lastHash = location.hash;
  clearProblem();
  const id = wantedId();
  if (id === openId()) return;
  if (state) become(state, apply(state, id ? { type: "open", data: { id } } : { type: "left" }));
  if (id) byId("talk-title").focus();
  load({ background: false });
}

function goBack() {
  const id = openId();
  history.pushState(null, "", location.pathname);
  goTo();
  queue.focus(id);
}

async function claimFromCard(id) {
  if (await actions.claim(id)) location.hash = id;
}

addEventListener("hashchange", goTo);
addEventListener("popstate", goTo);
byId("back").addEventListener("click", goBack);
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
  if (!openId() || byId("dialog").open || composer.isPicking) return;
  if (matchMedia("(max-width: 39.99rem)").matches) goBack();
  else queue.focus(openId()); // both are to be seen: only the focus goes back
});
document.addEventListener("visibilitychange", () => {
  if (state && !state.signedOut && !document.hidden) render();
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) load();
});
addEventListener("online", () => {
  if (state && !state.signedOut) load();
});

let lastTick = Date.now();
setInterval(() => {
  const slept = Date.now() - lastTick > SLEPT_MS;
  lastTick = Date.now();
  if (!state || state.signedOut) return;
  tick();
  if (slept) load();
}, TICK_MS);

load({ background: false });
