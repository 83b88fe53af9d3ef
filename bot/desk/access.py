"""Which role may do what. Every page and endpoint of the desk names one of these rights; see ``bot.desk.routing``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from bot.handoff import Card, Colleague
from bot.model import State


class Role(StrEnum):
    """What an account is for."""

    COACH = "coach"
    COORDINATOR = "coordinator"
    ADMINISTRATOR = "administrator"


class May(StrEnum):
    """A right."""

    WORK = "work"
    """See the queue, take conversations over, write, hand back."""
    SEE_ALL = "see_all"
    """Read conversations that somebody else holds or has closed, and move them to other hands."""
    ERASE = "erase"
    """Erase a conversation for good."""
    REFERRALS = "referrals"
    """Work on referrals."""
    DIRECTORY = "directory"
    """Change who is in the directory."""
    REVIEW = "review"
    """Name the right topics of what was not understood."""
    CANNED = "canned"
    """Change the team's canned replies."""
    REPORTS = "reports"
    """See the figures."""
    STAFF = "staff"
    """Invite, change and disable accounts."""
    AUDIT = "audit"
    """Read the audit log."""


_COACH = frozenset({May.WORK, May.REFERRALS})
_COORDINATOR = _COACH | {May.SEE_ALL, May.ERASE, May.DIRECTORY, May.REVIEW, May.CANNED, May.REPORTS}

RIGHTS: Mapping[Role, frozenset[May]] = MappingProxyType(
    {
        Role.COACH: _COACH,
        Role.COORDINATOR: _COORDINATOR,
        Role.ADMINISTRATOR: _COORDINATOR | {May.STAFF, May.AUDIT},
    }
)


@dataclass(frozen=True)
class Member:
    """One of the staff who is signed in."""

    id: str
    email: str
    name: str
    role: Role
    has_second_factor: bool = False

    @property
    def colleague(self) -> Colleague:
        """As conversations know her."""
        return Colleague(self.id, self.name, self.email)

    def may(self, right: May) -> bool:
        """Whether the role has a right."""
        return right in RIGHTS[self.role]


def may_list(member: Member, card: Card) -> bool:
    """Whether a conversation stands in somebody's lists: all but what others have closed."""
    if member.may(May.SEE_ALL) or card.state != State.CLOSED:
        return True
    return card.last_holder is not None and card.last_holder.id == member.id


def may_read(member: Member, card: Card) -> bool:
    """Whether somebody may read what was written in a conversation.

    A coach reads what waits, what she holds, and what she held last; of the others' she sees only that they are there.
    """
    if member.may(May.SEE_ALL):
        return True
    if card.state == State.WAITING:
        return True
    if card.holder is not None:
        return card.holder.id == member.id
    if card.last_holder is not None:
        return card.last_holder.id == member.id
    return card.state == State.ASSISTANT  # on the desk for an alarm or a referral, and nobody has had it yet
