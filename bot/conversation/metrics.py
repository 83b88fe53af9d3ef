"""Counters and times for ``/metrics``. None carries what anybody wrote, a name or an address."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

CONVERSATIONS = Counter("bot_conversations_started", "Conversations started.", ["channel"])
MESSAGES_IN = Counter("bot_messages_received", "Messages received, repeats not counted.", ["channel"])
REPLIES = Counter("bot_replies", "Replies stored, by the topic they are about.", ["topic"])
ALARMS = Counter("bot_safety_alarms", "Alarms of the safety screen.", ["category", "level", "source"])
FAILED_TURNS = Counter("bot_failed_turns", "Turns in which the assistant failed and an apology was sent.")
TURN_SECONDS = Histogram(
    "bot_turn_seconds",
    "Time of a turn from its begin to the stored replies.",
    buckets=(0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 20),
)
LISTENERS = Gauge("bot_event_streams", "Open event streams.")
REFUSED = Counter("bot_requests_refused", "Requests refused, by reason.", ["reason"])
