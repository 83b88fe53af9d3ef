"""The database that migrations build is the one that the code expects."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, text, update
from sqlalchemy.exc import IntegrityError

from bot.app import open_store
from bot.model import State
from bot.settings import Settings
from bot.storage import migrate
from bot.storage.cards import CardStore
from bot.storage.conversations import ConversationStore
from bot.storage.handoff_store import HandoffStore
from bot.storage.tables import conversations, messages, metadata
from tests.desk.team import hire
from tests.integration.stored import put

MIGRATIONS = Path(migrate.__file__).parent / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _differences(connection: Connection) -> list[Any]:
    return list(compare_metadata(MigrationContext.configure(connection), metadata))


def _constraints(connection: Connection) -> dict[str, Any]:
    """What compare_metadata does not look at: conditions of checks and indexes, and what happens on deletion."""
    found = inspect(connection)
    return {
        table.name: {
            "checks": sorted(str(check["name"]) for check in found.get_check_constraints(table.name)),
            "foreign keys": [key["options"] for key in found.get_foreign_keys(table.name)],
            "partial": sorted(
                str(index["name"])
                for index in found.get_indexes(table.name)
                if any(name.endswith("_where") for name in index.get("dialect_options", {}))
            ),
        }
        for table in metadata.sorted_tables
    }


def test_there_is_one_newest_migration() -> None:
    assert len(ScriptDirectory.from_config(_config()).get_heads()) == 1


async def test_the_migrated_database_is_the_one_of_the_tables(store: ConversationStore) -> None:
    async with store.database.read() as connection:
        assert await connection.run_sync(_differences) == []
        assert await connection.run_sync(_constraints) == {
            "conversations": {"checks": ["ck_conversations_state"], "foreign keys": [], "partial": []},
            "messages": {
                "checks": ["ck_messages_sender"],
                "foreign keys": [{"ondelete": "CASCADE"}],
                "partial": ["ix_messages_unanswered", "ix_messages_undelivered"],
            },
            "trackers": {"checks": [], "foreign keys": [{"ondelete": "CASCADE"}], "partial": []},
            "safety_states": {"checks": [], "foreign keys": [{"ondelete": "CASCADE"}], "partial": []},
            "safety_flags": {
                "checks": ["ck_safety_flags_level"],
                "foreign keys": [{"ondelete": "SET NULL"}],
                "partial": [],
            },
            "onset_histories": {"checks": [], "foreign keys": [{"ondelete": "CASCADE"}], "partial": []},
            "practitioners": {"checks": ["ck_practitioners_role"], "foreign keys": [], "partial": []},
            "referrals": {
                "checks": ["ck_referrals_kind", "ck_referrals_state"],
                "foreign keys": [{"ondelete": "CASCADE"}, {"ondelete": "SET NULL"}],
                "partial": ["uq_referrals_open"],
            },
            "referral_changes": {"checks": [], "foreign keys": [{"ondelete": "CASCADE"}], "partial": []},
            "staff": {"checks": ["ck_staff_role"], "foreign keys": [], "partial": []},
            "staff_sessions": {
                "checks": ["ck_staff_sessions_stage"],
                "foreign keys": [{"ondelete": "CASCADE"}],
                "partial": [],
            },
            "staff_invitations": {"checks": ["ck_staff_invitations_role"], "foreign keys": [], "partial": []},
            "desk_options": {"checks": [], "foreign keys": [], "partial": []},
            "handoffs": {
                "checks": ["ck_handoffs_level"],
                "foreign keys": [{"ondelete": "SET NULL"}],
                "partial": ["uq_handoffs_running"],
            },
            "handoff_changes": {"checks": [], "foreign keys": [{"ondelete": "CASCADE"}], "partial": []},
            "desk_cards": {
                "checks": ["ck_desk_cards_level"],
                "foreign keys": [{"ondelete": "CASCADE"}, {"ondelete": "SET NULL"}, {"ondelete": "SET NULL"}],
                "partial": [],
            },
            "desk_clock": {"checks": [], "foreign keys": [], "partial": []},
            "desk_gone": {"checks": [], "foreign keys": [], "partial": []},
            "desk_notes": {
                "checks": [],
                "foreign keys": [{"ondelete": "CASCADE"}, {"ondelete": "SET NULL"}],
                "partial": [],
            },
            "audit_log": {"checks": [], "foreign keys": [], "partial": []},
            "canned_replies": {"checks": [], "foreign keys": [], "partial": []},
            "misunderstood": {
                "checks": ["ck_misunderstood_why"],
                "foreign keys": [{"ondelete": "CASCADE"}, {"ondelete": "SET NULL"}],
                "partial": [],
            },
            "notifications": {"checks": ["ck_notifications_way"], "foreign keys": [], "partial": []},
        }


async def test_the_comparison_would_notice_a_difference(store: ConversationStore) -> None:
    def spoil(connection: Connection) -> list[Any]:
        connection.exec_driver_sql("DROP INDEX ix_conversations_last_message_at")
        connection.exec_driver_sql("ALTER TABLE trackers ADD COLUMN mood VARCHAR(5)")
        return _differences(connection)

    async with store.database.transaction() as connection:
        noticed = await connection.run_sync(spoil)
    assert {difference[0] for difference in noticed} == {"add_index", "remove_column"}


async def test_the_database_itself_refuses_what_must_not_be(store: ConversationStore) -> None:
    conversation_id = await store.create("web")
    message = await put(store, conversation_id, "hello")
    refused = [
        update(conversations).values(state="asleep"),
        update(messages).values(sender="ghost"),
        update(messages).values(conversation_id="nobody's"),
        insert(messages).values(
            conversation_id=conversation_id, position=99, id=message.id, channel="web", sender="user", content=b"",
            sent_at=message.sent_at, attempts=0,
        ),
    ]  # fmt: skip
    for statement in refused:
        with pytest.raises(IntegrityError):
            async with store.database.transaction() as connection:
                await connection.execute(statement)


async def test_several_first_starts_at_once_all_find_a_finished_database(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        stores = await asyncio.gather(*(stack.enter_async_context(open_store(settings)) for _ in range(3)))
        conversation_id = await stores[0].create("web")
        await put(stores[1], conversation_id, "hello")
        assert [message.text for message in await stores[2].after(conversation_id, 0)] == ["hello"]


async def test_a_second_start_changes_nothing(settings: Settings) -> None:
    async with open_store(settings) as store:
        conversation_id = await store.create("web")
        await put(store, conversation_id, "hello")
    async with open_store(settings) as again:
        assert [message.text for message in await again.after(conversation_id, 0)] == ["hello"]


async def test_migrations_can_be_taken_back_and_done_again(store: ConversationStore) -> None:
    def back_and_forth(connection: Connection) -> tuple[list[str], list[Any]]:
        command.downgrade(_config(connection), "base")
        left = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
        command.upgrade(_config(connection), "head")
        return left, _differences(connection)

    async with store.database.transaction() as connection:
        assert await connection.run_sync(back_and_forth) == ([], [])


async def test_what_waited_for_people_before_there_was_a_desk_is_on_it(store: ConversationStore) -> None:
    waiting, wished, calm = [await store.create("web") for _ in range(3)]
    moment = "2026-01-01 00:00:00+00:00"

    def over_the_change(connection: Connection) -> None:
        command.downgrade(_config(connection), "0003")
        connection.execute(
            text(
                "INSERT INTO safety_flags (id, conversation_id, position, channel, category, level, source, action, "
                f"raised_at) VALUES ('f1', '{waiting}', 1, 'web', 'safety_violence', 2, 'both', 'answered', '{moment}')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO referrals (id, code, conversation_id, kind, state, content, created_at, changed_at) "
                f"VALUES ('r1', 'K7M2-QX9T', '{wished}', 'coach', 'new', :content, '{moment}', '{moment}')"
            ),
            {"content": b"sealed"},
        )
        command.upgrade(_config(connection), "head")

    async with store.database.transaction() as connection:
        await connection.run_sync(over_the_change)
    cards = {card.id: (card.state, card.reason, card.level) for card in await CardStore(store.database).cards()}
    assert cards == {waiting: ("waiting", "safety", 2), wished: ("assistant", "referral", 0)}
    assert await store.state(calm) is State.ASSISTANT
    asha = (await hire(store, "Asha")).colleague
    assert await HandoffStore(store.database, store.keyring).claim(waiting, asha, [])
