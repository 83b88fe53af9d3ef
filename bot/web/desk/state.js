/**
 * What the live page knows, and how each event changes it. No DOM, no clock, no network: the same events make the same
 * state anywhere, and the state always equals what a fresh load would give.
 *
 * @typedef {{id: string, name: string}} Named
 * @typedef {{id: string, revision: number, state: "assistant"|"waiting"|"person"|"closed", channel: string,
 *   language: string|null, topic: Named|null, reason: Named, level: number, level_name: string,
 *   alarms: {category: string, name: string}[], holder: Named|null, last_holder: Named|null,
 *   waiting_since: string|null, unanswered_since: string|null, held_since: string|null, left_at: string|null,
 *   last_message_at: string|null, created_at: string|null, unread: number, night: boolean, readable: boolean,
 *   close_reason: string|null, label: string, visitor_read: number, staff_read: number}} Card
 * @typedef {{id: string, position: number, sender: "user"|"assistant"|"person"|"system", author: string|null,
 *   text: string, buttons?: {title: string}[], topic: string|null, sent_at: string, alarms?: string[]}} DeskMessage
 * @typedef {{id: string, author: string, text: string, written_at: string, mine: boolean}} Note
 * @typedef {{id: string, card: Card|null, loaded: boolean, refused: string, messages: DeskMessage[],
 *   panel: object|null, notes: Note[], typing: boolean}} Open `refused`: why it cannot be shown; "" when it can
 * @typedef {{me: {id: string, name: string, role: string, rights: string[]}, closeReasons: Named[],
 *   reasons: Record<string, string>, states: Record<string, string>, cards: Map<string, Card>, open: Open|null,
 *   signedOut: boolean}} State never changed in place
 *
 * Events of the server are `{type, data}` as they are streamed. The page adds its own: `queue` (a fresh load of the
 * list), `open` `{id}`, `loaded` (an answer of GET conversations/ID), `refused` `{id, detail}`, `left`, `answered` (a
 * card that answers a request) and `note`. Those about the open conversation carry `conversation`, its id; they are
 * ignored when another is open by then.
 * @typedef {{type: string, data?: any, conversation?: string}} DeskEvent
 */

/** @returns {State} */
export function initial(queue) {
  return {
    me: queue.me,
    closeReasons: queue.close_reasons ?? [],
    reasons: queue.reasons ?? {},
    states: queue.states ?? {},
    cards: new Map(queue.cards.map((card) => [card.id, card])),
    open: null,
    signedOut: false,
  };
}

/**
 * @param {State} state
 * @param {DeskEvent} event
 * @returns {State} the same object when nothing changes
 */
export function apply(state, event) {
  const change = changes[event.type];
  if (!change) return state;
  if (event.conversation !== undefined && event.conversation !== state.open?.id) return state;
  return change(state, event.data ?? {});
}

const changes = {
  queue: (state, queue) => ({ ...initial(queue), open: state.open, signedOut: state.signedOut }),

  card: (state, card) => withOpenCard(withCard(state, card), card),

  // The answer to a request may come after the event that took the card away: it brings nothing back.
  answered: (state, card) => withOpenCard(state.cards.has(card.id) ? withCard(state, card) : state, card),

  gone(state, { id }) {
    const cards = new Map(state.cards);
    cards.delete(id);
    const open = state.open?.id === id ? { ...nothingOf(id), refused: NO_LONGER_THERE } : state.open;
    return { ...state, cards, open };
  },

  open: (state, { id }) => ({ ...state, open: { ...nothingOf(id), card: state.cards.get(id) ?? null } }),

  left: (state) => (state.open ? { ...state, open: null } : state),

  loaded(state, { card, messages, panel, notes }) {
    if (state.open?.id !== card.id) return state;
    const typing = state.open.typing;
    const open = { id: card.id, card, loaded: true, refused: "", messages: inOrder(messages), panel, notes, typing };
    return known({ ...state, open }, card);
  },

  refused(state, { id, detail }) {
    if (state.open?.id !== id) return state;
    return { ...state, open: { ...nothingOf(id), card: state.cards.get(id) ?? null, refused: detail } };
  },

  message(state, message) {
    const { open } = state;
    if (!open?.loaded || open.messages.some(({ position }) => position === message.position)) return state;
    const typing = open.typing && message.sender !== "user";
    return { ...state, open: { ...open, typing, messages: inOrder([...open.messages, message]) } };
  },

  conversation(state, { card, panel, notes }) {
    if (state.open?.id !== card.id) return state;
    const next = withOpenCard(state, card);
    if (!next.open.loaded) return known(next, card);
    return known({ ...next, open: { ...next.open, panel, notes } }, card);
  },

  note(state, note) {
    const { open } = state;
    if (!open?.loaded || open.notes.some(({ id }) => id === note.id)) return state;
    return { ...state, open: { ...open, notes: [...open.notes, note] } };
  },

  typing(state, { who, typing }) {
    const { open } = state;
    if (!open || who !== "visitor" || open.typing === Boolean(typing)) return state;
    return { ...state, open: { ...open, typing: Boolean(typing) } };
  },

  "signed-out": (state) => ({ ...state, cards: new Map(), open: null, signedOut: true }),
};

const NO_LONGER_THERE = "This conversation is no longer on the desk, or it was erased.";

/** @returns {Open} */
function nothingOf(id) {
  return { id, card: null, loaded: false, refused: "", messages: [], panel: null, notes: [], typing: false };
}

function isOlder(card, other) {
  return other !== undefined && other !== null && card.revision < other.revision;
}

function withCard(state, card) {
  if (isOlder(card, state.cards.get(card.id))) return state;
  return { ...state, cards: new Map(state.cards).set(card.id, card) };
}

/** Changes a card of the list, and adds none: what may be opened need not be in the list. */
function known(state, card) {
  return state.cards.has(card.id) ? withCard(state, card) : state;
}

/** What may no longer be read is not kept either. */
function withOpenCard(state, card) {
  const { open } = state;
  if (open?.id !== card.id || isOlder(card, open.card)) return state;
  if (!card.readable) return { ...state, open: { ...nothingOf(card.id), card } };
  return { ...state, open: { ...open, card } };
}

function inOrder(messages) {
  return [...messages].sort((one, other) => one.position - other.position);
}

// ---- selectors -----------------------------------------------------------------------------------------------

const time = (iso) => (iso ? Date.parse(iso) : NaN);
const since = (card) => time(card.waiting_since ?? card.last_message_at ?? card.created_at) || 0;
const latest = (card) => time(card.last_message_at ?? card.created_at) || 0;
const byId = (one, other) => (one.id < other.id ? -1 : Number(one.id > other.id));
const newestFirst = (one, other) => latest(other) - latest(one) || byId(one, other);

function select(state, wanted, order) {
  return [...state.cards.values()].filter(wanted).sort(order);
}

/** Whether somebody has to see to a conversation: it waits for a person, or a danger in it is open. */
export function waits(card) {
  return card.state === "waiting" || (card.state === "assistant" && card.alarms.length > 0);
}

export function isMine(state, card) {
  return card?.state === "person" && card.holder?.id === state.me.id;
}

/** The most urgent first, and of those who has waited longest. */
export function waiting(state) {
  return select(state, waits, (one, other) => other.level - one.level || since(one) - since(other) || byId(one, other));
}

/** The most urgent first, then those not answered yet, the longest first. */
export function mine(state) {
  const unanswered = (card) => time(card.unanswered_since) || Infinity;
  return select(state, (card) => isMine(state, card), (one, other) => {
    const [left, right] = [unanswered(one), unanswered(other)];
    if (one.level !== other.level) return other.level - one.level;
    return left === right ? newestFirst(one, other) : left - right;
  });
}

/** Everything on the desk, the last written to first. */
export function all(state) {
  return select(state, () => true, newestFirst);
}

export function closed(state) {
  return select(state, (card) => card.state === "closed", newestFirst);
}

export function may(state, right) {
  return state.me.rights.includes(right);
}

// ---- what is worth telling, from one state to the next ---------------------------------------------------------

/** @returns {Card[]} those that did not wait before */
export function newlyWaiting(before, after) {
  const waited = new Set(waiting(before).map(({ id }) => id));
  return waiting(after).filter(({ id }) => !waited.has(id));
}

/** @returns {Card[]} my conversations with more unread messages than before */
export function newlyUnread(before, after) {
  return mine(after).filter((card) => card.unread > (before.cards.get(card.id)?.unread ?? 0));
}

/** @returns {Card[]} my conversations, open or not, in which a danger is new or has risen */
export function newlyInDanger(before, after) {
  return mine(after).filter((card) => {
    const old = before.cards.get(card.id);
    return old && (card.level > old.level || card.alarms.length > old.alarms.length);
  });
}

/** @returns {{before: Card, after: Card|null}[]} conversations that were mine and are not any more */
export function lost(before, after) {
  return mine(before)
    .map((card) => ({ before: card, after: after.cards.get(card.id) ?? null }))
    .filter((pair) => !isMine(after, pair.after));
}

/**
 * Dangers of the open conversation that were not there before.
 * @returns {string[]} their names; the name of the level where only that has risen
 */
export function newAlarms(before, after) {
  const [old, open] = [before.open, after.open];
  if (!open?.loaded || !old?.loaded || old.id !== open.id) return [];
  const key = (flag) => `${flag.category} ${flag.raised_at}`;
  const seen = new Set((old.panel?.flags ?? []).map(key));
  const fresh = (open.panel?.flags ?? []).filter((flag) => !flag.handled_at && !seen.has(key(flag)));
  if (fresh.length) return [...new Set(fresh.map(({ name }) => name))];
  return open.card.level > old.card.level ? [open.card.level_name] : [];
}

/** Whether the dangers of the open conversation are others than before. */
export function hasOtherFlags(before, after) {
  const [old, open] = [before?.open, after?.open];
  if (!open?.loaded || !old?.loaded || old.id !== open.id) return false;
  const keys = ({ panel }) => JSON.stringify((panel?.flags ?? []).map(({ category, raised_at: at }) => [category, at]));
  return keys(old) !== keys(open);
}
