"""How to be reached: a phone number or an e-mail address out of what is written, checked, never guessed."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers
from email_validator import EmailNotValidError, validate_email

_EMAIL = re.compile(r"[^\s,;<>()]+@[^\s,;<>()]+")


@dataclass(frozen=True)
class Contact:
    """A way to be reached: ``chat``, ``phone`` or ``email``, with the number (E.164) or address; the chat has none."""

    way: str
    value: str = ""

    def hidden(self) -> str:
        """The value with its middle left out, as a summary shows it on a screen that others may see."""
        if self.way == "email":
            name, _, domain = self.value.partition("@")
            return f"{name[:2]}...@{domain}"
        return f"{self.value[:3]} ... {self.value[-3:]}" if self.value else ""


class BadContact(ValueError):
    """What was written is no phone number or address that can be used. ``way`` says which of them it was to be."""

    def __init__(self, way: str) -> None:
        super().__init__(way)
        self.way = way


def read_contact(text: str, country: str, *, way: str | None = None) -> Contact | None:
    """The phone number or e-mail address in a text.

    Args:
        country: two letters; a number without a country code is one of this country.
        way: ``phone`` or ``email`` when one of them was asked for.

    Returns:
        Nothing if there is neither in it.

    Raises:
        BadContact: there is something that was meant as one and cannot be used.
    """
    if (address := _EMAIL.search(text)) is not None:
        try:
            return Contact("email", validate_email(address[0].strip("."), check_deliverability=False).normalized)
        except EmailNotValidError:
            raise BadContact("email") from None
    for match in phonenumbers.PhoneNumberMatcher(text, country):
        return Contact("phone", phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164))
    if way == "phone" and len(re.sub(r"\D", "", text)) >= 4:
        raise BadContact("phone")
    if way == "email" and "@" in text:
        raise BadContact("email")
    return None
