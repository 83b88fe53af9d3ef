"""Everything that is kept of a conversation, for the person herself to take away."""

from __future__ import annotations

from typing import Any

from bot.model import now
from bot.storage.conversations import ConversationStore
from bot.storage.histories import HistoryStore
from bot.storage.referrals import ReferralStore


async def export(store: ConversationStore, conversation_id: str) -> dict[str, Any]:
    """A conversation as JSON: its messages, the versions of the onset history, and the referrals with their states.

    Raises:
        StorageUnavailable: the database does not answer just now.
    """
    messages = await store.after(conversation_id, 0)
    histories = await HistoryStore(store.database, store.keyring).versions(conversation_id)
    referrals = ReferralStore(store.database, store.keyring)
    return {
        "exported_at": _moment(now()),
        "messages": [message.as_json() for message in messages],
        "onset_history": [
            {
                "version": history.version,
                "answers": history.record.get("answers", {}),
                "skipped": history.record.get("skipped", []),
                "written_at": _moment(history.created_at),
                "shared_since": _moment(history.shared_at) if history.shared_at else None,
            }
            for history in histories
        ],
        "referrals": [
            {
                "code": referral.code,
                "kind": referral.kind,
                "state": referral.state,
                "content": referral.content,
                "changes": [
                    {"state": change.state, "at": _moment(change.changed_at)}
                    for change in await referrals.changes(referral.id)
                ],
            }
            for referral in await referrals.of_conversation(conversation_id)
        ],
    }


def _moment(moment: Any) -> str:
    return str(moment.isoformat().replace("+00:00", "Z"))
