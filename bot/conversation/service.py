"""The way of one message: stored, answered in its turn, delivered.

What holds, whatever happens to the process in between:

- a message is stored before its channel acknowledges it, once, however often it is delivered;
- one worker at a time works on a conversation, and answers its messages in their order;
- replies and the assistant's new state are stored together, so a message is answered once or not yet;
- what was not yet answered is answered after the next start.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.conversation import metrics
from bot.conversation.delivery import DeliveryMarks
from bot.conversation.events import Listeners
from bot.conversation.turn import Turns
from bot.handoff import FEEDBACK_SCORES, feedback_payload
from bot.model import ConversationNotFound, Inbound, Keeps, Message, Outcome, TurnNotFinished, now
from bot.storage.conversations import ConversationStore
from bot.storage.database import DESK, Database, StorageUnavailable

log = logging.getLogger(__name__)

STORE_RETRIES = (0.1, 0.5, 2.0)
"""Seconds between tries to store a finished turn while the database is away."""

SWEEP_SECONDS = 20.0
"""How often messages that nobody works on are looked for: those of another process that died."""

_MAY_WAIT = (Keeps.PERSON_WANTED, Keeps.REFERRAL_OPENED)


class ConversationService:
    """Takes messages in and sees to it that each is answered once."""

    def __init__(
        self,
        store: ConversationStore,
        turns: Turns,
        listeners: Listeners,
        *,
        turn_timeout: float = 20.0,
        waiting: Callable[[], None] = lambda: None,
    ) -> None:
        """Wire the parts.

        Args:
            turn_timeout: seconds a turn may take; a visitor waits for twice as long before she is told to ask again.
            waiting: called when somebody may wait for a person, so that staff are told at once.
        """
        self._waiting = waiting
        self._store = store
        self._turns = turns
        self._listeners = listeners
        self._turn_timeout = turn_timeout
        self._working: set[asyncio.Task[None]] = set()
        self._background: list[asyncio.Task[None]] = []
        self.delivery = DeliveryMarks(store)

    @property
    def database(self) -> Database:
        """The database the conversations are in."""
        return self._store.database

    async def __aenter__(self) -> ConversationService:
        self._background = [asyncio.create_task(self._sweep()), asyncio.create_task(self.delivery.run())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self._working:
            # What does not finish in time stays unanswered in storage and is answered after the next start.
            await asyncio.wait(self._working, timeout=2)
        await self.delivery.flush()

    # In

    async def start(self, channel: str, *, token_hash: bytes | None = None) -> str:
        """Begin a conversation and return its id."""
        conversation_id = await self._store.create(channel, token_hash=token_hash)
        metrics.CONVERSATIONS.labels(channel).inc()
        return conversation_id

    async def receive(self, conversation_id: str, channel: str, inbound: Inbound) -> Message:
        """Store a message; afterwards it may be acknowledged. A repeated one changes nothing.

        Raises:
            ConversationNotFound: there is no such conversation.
            StorageUnavailable: nothing was stored; retryable.
        """
        inbound, shown = await self._as_shown(conversation_id, inbound)
        stored = await self._store.receive(conversation_id, channel, inbound, shown)
        if stored is None:
            raise ConversationNotFound(conversation_id)
        message, is_new = stored
        if is_new:
            metrics.MESSAGES_IN.labels(channel).inc()
            self._changed(conversation_id)
        return message

    async def replies(self, message: Message) -> list[Message]:
        """Wait until a received message is answered and return the replies.

        Raises:
            TurnNotFinished: it takes too long or the database is away; the message is safe, ask again.
            ConversationNotFound: the conversation was erased meanwhile.
        """
        if message.answered_at is None:
            work = self.work(message.conversation_id)
            try:
                async with asyncio.timeout(self._turn_timeout * 2):
                    await asyncio.shield(work)
            except (TimeoutError, StorageUnavailable) as error:
                raise TurnNotFinished(message.id) from error
        stored = await self._store.get(message.conversation_id, message.id)
        if stored is None:
            raise ConversationNotFound(message.conversation_id)
        if stored.answered_at is None:
            raise TurnNotFinished(message.id)
        return await self._store.replies_to(stored)

    async def erase(self, conversation_id: str) -> bool:
        """Erase a conversation with everything in it; false if there was none."""
        # Under the lock, so that no turn that is under way writes into what was erased.
        async with self._store.database.conversation_lock(conversation_id):
            erased = await self._store.erase(conversation_id)
        self._changed(conversation_id)
        return erased

    async def purge(self, retention_days: float, referral_days: float) -> int:
        """Erase what is past retention; how many conversations that were."""
        moment = now()
        erased = await self._store.erase_before(
            moment - timedelta(days=retention_days), referrals_before=moment - timedelta(days=referral_days)
        )
        if erased:
            self._listeners.changed(DESK)
            log.info("Erased %d conversations past retention.", erased)
        return erased

    # Turns

    def work(self, conversation_id: str, *, recovering: bool = False) -> asyncio.Task[None]:
        """Answer what is unanswered in a conversation, in a task that outlives the request that began it."""
        task = asyncio.create_task(self._answer_all(conversation_id, recovering))
        self._working.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The sweep takes it up again. Only the kind of error: its text may hold what somebody wrote.
            log.error("A turn could not be finished: %s", type(error).__name__)

    async def _answer_all(self, conversation_id: str, recovering: bool) -> None:
        async with self._store.database.conversation_lock(conversation_id):
            while (message := await self._store.unanswered(conversation_id)) is not None:
                if recovering:
                    await self._store.begin_attempt(message)
                with metrics.TURN_SECONDS.time():
                    await self._finish(message, await self._turns.take(message))

    async def _finish(self, message: Message, outcome: Outcome) -> None:
        for pause in (*STORE_RETRIES, None):
            try:
                await self._store.finish(message, outcome)
                break
            except StorageUnavailable:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        for reply in outcome.replies:
            metrics.REPLIES.labels(reply.topic).inc()
        self._changed(message.conversation_id)
        if any(effect.keeps in _MAY_WAIT for effect in outcome.effects):
            self._waiting()

    async def recover(self, *, older_than: float = 0.0) -> int:
        """Begin to answer what an earlier process left unanswered; how many conversations that were.

        Args:
            older_than: leave out messages that came in the last seconds, which some process is working on.
        """
        waiting = await self._store.unanswered_conversations(now() - timedelta(seconds=older_than))
        for conversation_id in waiting:
            self.work(conversation_id, recovering=True)
        return len(waiting)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            try:
                await self.recover(older_than=SWEEP_SECONDS)
            except StorageUnavailable:
                log.warning("The database does not answer; trying again.")

    def _changed(self, conversation_id: str) -> None:
        self._listeners.changed(conversation_id)
        self._listeners.changed(DESK)

    async def _as_shown(self, conversation_id: str, inbound: Inbound) -> tuple[Inbound, str]:
        """A message as the conversation shows it. Whether a talk helped counts, pressed or typed below the question."""
        if inbound.text is None:
            return inbound, await self._title(conversation_id, inbound.payload or "")
        typed = " ".join(re.findall(r"\w+", inbound.text.lower()))
        score = next((score for score, title in FEEDBACK_SCORES.items() if title.lower() == typed), None)
        if score is not None:
            payload = feedback_payload(score)
            if any(button.payload == payload for button in await self._store.offered(conversation_id, replies=1)):
                return replace(inbound, text=None, payload=payload), inbound.text
        return inbound, inbound.text

    async def _title(self, conversation_id: str, payload: str) -> str:
        """What the visitor saw on the button: the title it was offered with."""
        for button in await self._store.offered(conversation_id):
            if button.payload == payload:
                return button.title
        return payload.strip("/").split("{")[0].replace("_", " ") or payload

    # Out

    async def after(self, conversation_id: str, position: int) -> list[Message]:
        """All messages behind a position, in order."""
        return await self._store.after(conversation_id, position)

    async def position_of(self, conversation_id: str, message_id: str) -> int | None:
        """Where a message stands in its conversation."""
        return await self._store.position_of(conversation_id, message_id)

    def mark_delivered(self, messages: Sequence[Message]) -> None:
        """Remember that a channel delivered these; stored a moment later."""
        self.delivery.add(messages)
