/**
 * The chat page: wires the conversation (api.js), what is still to be sent (outbox.js) and the list of messages
 * (log.js) to the elements of index.html.
 *
 * Nothing is sent or stored before the visitor's first message.
 */

import {
  ApiError,
  backOff,
  createConversation,
  eraseConversation,
  fetchMessages,
  follow,
  forgetSession,
  loadSession,
  newId,
  pause,
  saveSession,
  sendMessage,
  sendSignal,
} from "./api.js";
import { Log } from "./log.js";
import { Outbox } from "./outbox.js";

const NEUTRAL_PAGE = "https://www.google.com";
const ESCAPE_TWICE_MS = 2000;
const LONGEST_MESSAGE = 5000;
const HINT_FROM = 4500;
const HINT_DELAY_MS = 400;
const TYPING_DELAY_MS = 350;
const PERSON_TYPES_MS = 6000;
const SIGNAL_EVERY_MS = 3000;
const NEAR_THE_END_PX = 160;
const ABOVE_MESSAGE_PX = 16;

const NO_LONGER_THERE = "Your earlier conversation is no longer there. You can start a new one at any time.";
const HANDOFF = {
  waiting: "Someone of our team will look at this chat. You can go on writing.",
  person: "You are talking with a person of our team.",
};
const DELETED = "Done. Everything has been deleted.";

const byId = (id) => document.getElementById(id);
const page = {
  bar: document.querySelector(".bar"),
  title: byId("title"),
  leave: byId("leave"),
  starters: byId("starters"),
  log: byId("log"),
  typing: byId("typing"),
  typingPerson: byId("typing-person"),
  typingStatus: byId("typing-status"),
  composer: byId("composer"),
  newer: byId("newer"),
  handoff: byId("handoff"),
  notice: byId("notice"),
  form: byId("form"),
  text: byId("text"),
  hint: byId("hint"),
  tools: byId("tools"),
  delete: byId("delete"),
  confirm: byId("confirm"),
  confirmNo: byId("confirm-no"),
  confirmYes: byId("confirm-yes"),
  confirmProblem: byId("confirm-problem"),
};

const log = new Log(page.log, { onChoice: choose, onRetry: retry });
const outbox = new Outbox({ deliver, onState: showState });

/** @type {import("./api.js").Session|null} */
let session = loadSession();
/** Stops the event stream and the loading of the open conversation. */
let closing = new AbortController();
let following = false;
let erasing = false;
/** Who answers: "assistant", "waiting", "person" or "closed". */
let answering = "assistant";

// ---- the conversation ----------------------------------------------------------------------------------------

/** Shows the conversation of this tab again after a reload. */
async function restore() {
  const { signal } = closing;
  const messages = session ? await loadMessages(signal) : null;
  if (messages && !signal.aborted) {
    history.scrollRestoration = "manual"; // the browser's own place is that of the page without its messages
    receive(messages, { earlier: true });
    scrollToEnd();
    if (messages.length) startFollowing(messages.at(-1).id);
  }
  announceFromNowOn();
}

/** @returns {Promise<import("./api.js").Message[]|null>} null: there is no such conversation any more */
async function loadMessages(signal) {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      const { messages = [] } = await fetchMessages(session, signal);
      notify("connection", "");
      return messages;
    } catch (error) {
      if (signal.aborted) break;
      if (error.gone) {
        startAfresh(NO_LONGER_THERE);
        break;
      }
      notify("connection", "Your conversation cannot be loaded right now. Trying again…");
      await pause(Math.max(error.retryAfterMs, backOff(failures)), signal);
    }
  }
  return null;
}

/** What a screen reader has to read out by itself is only what is new. */
function announceFromNowOn() {
  // Two frames: a live region that is switched on in the frame of its changes may still read them out.
  requestAnimationFrame(() => requestAnimationFrame(() => page.log.setAttribute("aria-live", "polite")));
}

/**
 * Brings one message to the server; the outbox calls this and deals with failures.
 * @param {import("./outbox.js").Outgoing} item
 * @param {AbortSignal} signal
 */
async function deliver(item, signal) {
  await restored;
  const isNew = !session;
  if (isNew) await open(signal);
  try {
    const { messages = [] } = await sendMessage(session, item.body, signal);
    if (signal.aborted) return;
    receive(messages);
    startFollowing();
  } catch (error) {
    if (!error.gone || isNew || erasing || signal.aborted) throw error;
    startAfresh("Your earlier conversation is no longer there. This is a new one.");
  }
}

async function open(signal) {
  const { id, token, messages = [] } = await createConversation(signal);
  if (signal.aborted) throw new ApiError(0);
  session = { id, token };
  saveSession(session);
  receive(messages, { earlier: true });
}

/**
 * @param {string} [after] whatever comes after this message will be streamed; without it, everything, which also tells
 *   when the server got what was written here
 */
async function startFollowing(after) {
  if (following) return;
  following = true;
  const { signal } = closing;
  try {
    await follow(session, {
      after,
      signal,
      onMessage: (message) => receive([message]),
      onTyping: (typing) => signal.aborted || showPersonTyping(typing),
      onState: (state) => signal.aborted || showAnswering(state),
      onConnection: showConnection,
    });
  } catch (error) {
    if (!error.gone) throw error;
    // While this tab deletes the conversation, the stream's word that it is erased is no news.
    if (!signal.aborted && !erasing) startAfresh(NO_LONGER_THERE);
  }
}

function receive(messages, options) {
  const wasNearEnd = isNearEnd();
  let isNew = false;
  for (const message of messages) {
    if (message.sender === "user") confirmSent(message.id);
    if (message.sender === "person") showPersonTyping(false);
    if (["person", "system"].includes(message.sender)) lastToRead = message.id;
    isNew = log.add(message, options) || isNew;
  }
  showParts();
  tellRead();
  if (!isNew) return;
  if (wasNearEnd) scrollToNews();
  page.newer.hidden = log.lastTop < page.composer.getBoundingClientRect().top;
}

function confirmSent(id) {
  if (outbox.settle(id)) log.annotate(id, "");
}

/** Forgets the conversation here; what was written but not yet sent goes into a new one. */
function startAfresh(why) {
  const unsent = reset();
  notify("conversation", why);
  for (const item of unsent) submit(item);
}

function reset() {
  forgetSession();
  session = null;
  closing.abort();
  closing = new AbortController();
  following = false;
  const unsent = outbox.clear();
  unreached.clear();
  log.clear();
  page.newer.hidden = true;
  showTyping(false);
  showPersonTyping(false);
  showAnswering("assistant");
  lastToRead = readTold = "";
  for (const subject of ["connection", "pace"]) notify(subject, "");
  showParts();
  return unsent;
}

// ---- writing -------------------------------------------------------------------------------------------------

function submit(item) {
  log.addOwn(item.id, item.text);
  showParts();
  scrollToEnd();
  outbox.add(item);
}

function say(text) {
  const id = newId();
  notify("conversation", "");
  submit({ id, text, body: { id, text } });
}

function choose({ title, payload }) {
  const id = newId();
  notify("conversation", "");
  submit({ id, text: title, body: { id, payload } });
  focusAfterSending();
}

function retry(id) {
  focusAfterSending();
  outbox.retry(id);
  scrollToEnd();
}

function sendTyped() {
  const text = page.text.value.trim();
  if (!text || lengthOf(text) > LONGEST_MESSAGE) return page.text.focus();
  setTyped("");
  say(text);
  focusAfterSending();
}

/** The pressed button may be gone. On touch screens the message box would bring up the keyboard over the answer. */
function focusAfterSending() {
  if (matchMedia("(hover: hover) and (pointer: fine)").matches) page.text.focus({ preventScroll: true });
  else if (document.activeElement !== page.text) page.log.focus({ preventScroll: true });
}

function setTyped(text) {
  page.text.value = text;
  fitText();
  showHint();
}

/** In characters, as the server counts them: an emoji is one. */
function lengthOf(text) {
  return [...text].length;
}

function fitText() {
  page.text.style.height = "auto";
  const borders = page.text.offsetHeight - page.text.clientHeight;
  page.text.style.height = `${page.text.scrollHeight + borders}px`;
}

let hintTimer;

/** Waits for a pause in the typing: a screen reader would read out every single count. */
function showHintSoon() {
  clearTimeout(hintTimer);
  hintTimer = setTimeout(showHint, HINT_DELAY_MS);
}

function showHint() {
  clearTimeout(hintTimer);
  const left = LONGEST_MESSAGE - lengthOf(page.text.value.trim());
  const characters = (count) => `${count.toLocaleString("en")} ${count === 1 ? "character" : "characters"}`;
  if (left < 0) page.hint.textContent = `This is ${characters(-left)} too long. You could send it in two parts.`;
  else if (left <= LONGEST_MESSAGE - HINT_FROM) page.hint.textContent = `There is room for ${characters(left)} more.`;
  else page.hint.textContent = "";
  page.text.setAttribute("aria-invalid", String(left < 0));
}

// ---- what the page shows -------------------------------------------------------------------------------------

function showParts() {
  page.composer.hidden = false;
  page.starters.hidden = session !== null || !log.isEmpty;
  page.tools.hidden = session === null && log.isEmpty;
}

const notices = new Map();

/** One line above the message box; the latest subject wins, an empty text ends a subject. */
function notify(subject, text) {
  notices.delete(subject);
  if (text) notices.set(subject, text);
  showAboveBox(page.notice, [...notices.values()].at(-1) ?? "");
}

/** Says who answers, where that is not the assistant. */
function showAnswering(state) {
  answering = state;
  if (state === "waiting" || state === "person") showTyping(false);
  else showPersonTyping(false);
  showAboveBox(page.handoff, HANDOFF[state] ?? "");
}

function showAboveBox(element, text) {
  if (element.textContent === text) return;
  const wasNearEnd = isNearEnd();
  const height = page.composer.offsetHeight;
  element.textContent = text;
  // The message box has grown over the last message.
  const growth = page.composer.offsetHeight - height;
  if (growth > 0 && wasNearEnd && !log.isEmpty) scrollBy({ top: growth });
}

let isLost = false;
/** @type {Set<string>} messages that did not get through: worth another try when the connection is back */
const unreached = new Set();

function showConnection(connected) {
  notify("connection", connected ? "" : "The connection is lost. Trying again…");
  const isBack = connected && isLost;
  isLost = !connected;
  if (!isBack) return;
  for (const id of unreached) outbox.retry(id);
  unreached.clear();
}

/**
 * @param {import("./outbox.js").Outgoing} item
 * @param {import("./outbox.js").State} state
 * @param {ApiError} [error]
 */
function showState(item, state, error) {
  const wasNearEnd = isNearEnd();
  if (state === "again") log.moveToEnd(item.id);
  if (state === "sending") log.anchor(item.id);
  if (state !== "again" && state !== "queued") {
    showTyping(state === "sending" && !HANDOFF[answering]); // a person's answer takes its time
    notify("pace", state === "waiting" && error.tooFast ? `Please wait a moment. ${error.detail}`.trim() : "");
  }
  if (state === "failed" && error.unreachable) unreached.add(item.id);
  log.annotate(item.id, describe(state, error), state === "failed");
  if (wasNearEnd) reveal(log.get(item.id));
}

/** What is said under a message; "" when all is well. */
function describe(state, error) {
  if (state === "offline") return "You are offline. This will be sent when you are back.";
  if (state === "waiting" && error.tooFast) return "Not sent yet. It will be sent by itself.";
  if (state === "waiting") return "No answer yet. Trying again by itself…";
  return state === "failed" ? `Not sent. ${explain(error)}` : "";
}

function explain(error) {
  if (error.detail) return error.detail;
  return error.unreachable ? "The chat could not be reached." : "Something went wrong on our side.";
}

const typing = { assistant: false, person: false };
let typingTimer;
let personTimer;

function showTyping(isTyping) {
  clearTimeout(typingTimer);
  if (!isTyping) return setTyping("assistant", false);
  typingTimer = setTimeout(setTyping, TYPING_DELAY_MS, "assistant", true); // most answers come sooner: no flicker
}

/** For a while only: the word that the person has stopped may get lost. */
function showPersonTyping(isTyping) {
  clearTimeout(personTimer);
  setTyping("person", isTyping);
  if (isTyping) personTimer = setTimeout(setTyping, PERSON_TYPES_MS, "person", false);
}

function setTyping(who, isTyping) {
  typing[who] = isTyping;
  const wasNearEnd = isNearEnd();
  const wasHidden = page.typing.hidden;
  page.typing.hidden = !typing.assistant && !typing.person;
  page.typingPerson.hidden = !typing.person;
  const status = typing.person ? "A person is typing." : typing.assistant ? "The assistant is writing." : "";
  if (page.typingStatus.textContent !== status) page.typingStatus.textContent = status;
  if (wasHidden && !page.typing.hidden && wasNearEnd) scrollToNews();
}

// ---- what the team gets to know ------------------------------------------------------------------------------

let typingTold = -Infinity;

function tellTyping() {
  if (!session || answering !== "person" || performance.now() - typingTold < SIGNAL_EVERY_MS) return;
  typingTold = performance.now();
  sendSignal(session, { typing: page.text.value.trim() !== "" });
}

let lastToRead = "";
let readTold = "";

/** Once for each message, and only when the visitor can have seen it. */
function tellRead() {
  if (!session || !lastToRead || lastToRead === readTold || document.hidden) return;
  readTold = lastToRead;
  sendSignal(session, { read: lastToRead });
}

function isNearEnd() {
  return document.documentElement.scrollHeight - (scrollY + innerHeight) < NEAR_THE_END_PX;
}

/** Scrolls on, if need be, until the whole of a message is clear of the message box. */
function reveal(element) {
  if (!element) return;
  const limit = Math.min(innerHeight, page.composer.getBoundingClientRect().top) - ABOVE_MESSAGE_PX;
  const hidden = element.getBoundingClientRect().bottom - limit;
  if (hidden > 0) scrollBy({ top: hidden });
}

function scrollToEnd() {
  scrollTo({ top: document.documentElement.scrollHeight });
  page.newer.hidden = true;
}

/** To the end, but not past the visitor's last message: a long answer is read from its beginning. */
function scrollToNews() {
  const own = log.lastOwn;
  const end = document.documentElement.scrollHeight;
  const top = own ? scrollY + own.getBoundingClientRect().top - page.bar.offsetHeight - ABOVE_MESSAGE_PX : end;
  scrollTo({ top: Math.min(top, end) });
}

// ---- deleting and leaving ------------------------------------------------------------------------------------

function askToDelete() {
  page.confirmProblem.textContent = "";
  page.confirm.showModal();
}

async function deleteEverything() {
  if (erasing) return;
  erasing = true;
  page.confirmProblem.textContent = "";
  try {
    await eraseOnServer();
    reset();
    setTyped("");
    page.confirm.close();
    notify("conversation", DELETED);
    page.title.focus();
  } catch (error) {
    page.confirmProblem.textContent = `It is not deleted yet. ${explain(error)} Please try again.`;
  } finally {
    erasing = false;
  }
}

async function eraseOnServer() {
  try {
    if (session) await eraseConversation(session);
  } catch (error) {
    if (!error.gone) throw error; // what is gone is deleted
  }
}

let isLeaving = false;

/** Takes everything off the screen and out of this tab first: the next page may take a while to come. */
function leave() {
  isLeaving = true;
  forgetSession();
  closing.abort();
  outbox.clear();
  document.body.replaceChildren();
  // The assistant may be framed by a page of the same site: the whole tab has to go.
  window.top.location.replace(NEUTRAL_PAGE);
}

let lastEscape = -Infinity;

function leaveOnSecondEscape(event) {
  if (event.key !== "Escape" || event.isComposing || event.repeat) return;
  if (isLeaving) return event.preventDefault(); // browsers take Escape as "stop loading", and would stay here
  if (event.timeStamp - lastEscape < ESCAPE_TWICE_MS) {
    event.preventDefault();
    return leave();
  }
  lastEscape = event.timeStamp;
  notify("escape", "Press Escape once more to leave this page.");
  setTimeout(notify, ESCAPE_TWICE_MS, "escape", "");
}

// ---- events --------------------------------------------------------------------------------------------------

window.addEventListener("keydown", leaveOnSecondEscape, { capture: true });
page.leave.addEventListener("click", (event) => {
  event.preventDefault();
  leave();
});
page.leave.addEventListener("keydown", (event) => {
  if (event.key !== " ") return; // it is called a button, so the space bar has to work
  event.preventDefault();
  leave();
});
page.form.addEventListener("submit", (event) => {
  event.preventDefault();
  sendTyped();
});
page.text.addEventListener("keydown", (event) => {
  // While an input method composes a word, Enter confirms the word (229: Safari says so only after the fact).
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  sendTyped();
});
page.text.addEventListener("input", () => {
  fitText();
  showHintSoon();
  tellTyping();
});
document.addEventListener("visibilitychange", tellRead);
page.starters.addEventListener("click", ({ target }) => {
  const starter = target.closest("button");
  if (!starter) return;
  say(starter.textContent);
  focusAfterSending();
});
page.newer.addEventListener("click", () => {
  scrollToEnd();
  page.log.focus({ preventScroll: true });
});
window.addEventListener("scroll", () => {
  if (isNearEnd()) page.newer.hidden = true;
}, { passive: true });
page.delete.addEventListener("click", askToDelete);
page.confirmNo.addEventListener("click", () => page.confirm.close());
page.confirmYes.addEventListener("click", deleteEverything);

showParts();
const restored = restore();
