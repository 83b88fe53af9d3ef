"""Example data of a desk, and a tour of all its pages; everybody in it is an example."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from playwright.async_api import Page, expect

from bot.desk.access import Role
from bot.desk.second_factor import new_secret
from bot.directory.practitioner import Practitioner
from bot.handoff import Why
from bot.model import now
from bot.storage.canned import CannedStore
from bot.storage.cards import CardStore
from bot.storage.conversations import ConversationStore
from bot.storage.credentials import CredentialStore
from bot.storage.handoff_store import HandoffStore
from bot.storage.invitations import InvitationStore
from bot.storage.misunderstood import MisunderstoodStore
from bot.storage.misunderstood import note as note_misunderstood
from bot.storage.notes import NoteStore
from bot.storage.practitioners import PractitionerStore
from bot.storage.referrals import ReferralStore, open_referral
from bot.storage.staff import StaffAccount
from tests.browser.desk import People
from tests.desk.signing_in import make_member
from tests.desk.team import asks, says
from tests.integration.stored import reply

CODE = "K7M2-Q9RT"
_ANSWER = """In vaginismus, the muscles around the vagina tighten by themselves. You do not do it on purpose.

It may show with:

- sex.
- a tampon or menstrual cup.
- an exam by a gynaecologist."""
_REFERRAL = {
    "place": "Pune",
    "languages": ["Marathi", "English"],
    "gender": "woman",
    "services": ["vaginismus", "dilators"],
    "accessibility": ["step_free"],
    "practitioner": "",
    "way": "phone",
    "contact": "+91 98000 00001 (example)",
    "times": "weekdays after six",
}
_MISSED = (
    "does a physio use her fingers",
    "will the physio put fingers in",
    "does the physiotherapist use fingers inside",
    "is it normal that my sister has it too",
    "can i ride a bicycle with it",
)


@dataclass(frozen=True)
class Furnished:
    """What a tour has to know."""

    admin: StaffAccount
    coach: StaffAccount
    guarded: StaffAccount
    password: str
    talk: str
    reply: str
    invitation: str


async def furnish(store: ConversationStore, more: str = "") -> Furnished:
    """Fill an empty database. ``more`` is added to whatever somebody may have written freely."""
    database, keyring = store.database, store.keyring
    admin, password = await make_member(store, Role.ADMINISTRATOR, email="meera@example.org", name="Meera Example")
    coach, _ = await make_member(store, Role.COACH, email="asha@example.org", name="Asha Example")
    guarded, _ = await make_member(store, Role.COORDINATOR, email="devi@example.org", name="Devi Example")
    await make_member(store, Role.COACH, email="bela@example.org", name=f"Bela Example{more[:40]}")
    credentials = CredentialStore(database, keyring)
    await credentials.offer_secret(guarded.id, new_secret())
    await credentials.confirm_secret(guarded.id, 0, guarded)
    entries = [
        Practitioner(
            "asha-pune", "physiotherapist", f"Example Physio Pune 1{more}", city="Pune", postal_code="411001",
            latitude=18.52, longitude=73.86, languages=("Marathi", "English"), gender="woman",
            services=("vaginismus", "dilators", "video"), accessibility=("lift",), hours="Mon-Fri 10:00-18:00",
            contact="pune-1@example.org",
        ),
        Practitioner("online-1", "coach", "Example Coach Online 1", languages=("Hindi",), contact="o1@example.org"),
    ]  # fmt: skip
    await PractitionerStore(database, keyring).put(entries)

    desk, notes = HandoffStore(database, keyring), NoteStore(database, keyring)
    talk = await asks(store, f"Can I talk to a person?{more}")
    await says(store, talk, "what is vaginismus", reply(_ANSWER, ("The two types", "/x"), topic="what_is_vaginismus"))
    await desk.claim(talk, admin.colleague, [reply("Meera Example from our team is here now.", topic="notice")])
    answer = "Hello, I have read what you wrote. Take all the time you need."
    await desk.write(talk, admin.colleague, str(uuid4()), answer, "person")
    await says(store, talk, f"It burns when I try, and then I stop. Is that normal?{more}")
    await notes.add(talk, admin.colleague, str(uuid4()), f"Wants to talk about the exam on Friday.{more}")
    content = {**_REFERRAL, "words": f"I am nervous on the telephone.{more}"}
    async with database.transaction() as connection:
        data: dict[str, Any] = {
            "code": CODE,
            "kind": "physiotherapist",
            "practitioner_id": "asha-pune",
            "content": content,
        }
        await open_referral(connection, keyring, talk, data, now())
        for position, text in enumerate(_MISSED, start=1):
            guess = "physio" if position < 4 else None
            await note_misunderstood(connection, keyring, talk, position + 50, f"{text}{more}", "clarify", guess, now())
    other = await store.create("web")
    async with database.transaction() as connection:
        data = {"code": "B4XW-J8ND", "kind": "coach", "practitioner_id": None, "content": _REFERRAL}
        await open_referral(connection, keyring, other, data, now() - timedelta(days=2))
    await ReferralStore(database, keyring).change_by_staff("B4XW-J8ND", "contacted", coach.id)
    missed = MisunderstoodStore(database, keyring)
    await missed.name((await missed.open())[0].id, "physio", admin.id)

    for text, why, level, question, topic in (
        (f"i want a person{more}", Why.ASKED, 0, "which trainer do I start with", "dilators_how"),
        ("he pushes me when I say no", Why.SAFETY, 2, "how do I tell him", "talk_to_partner"),
        ("please call me", Why.CALL_BACK, 0, "what does a physio do", "physio"),
    ):
        waiting = await asks(store, text, why=why, level=level)
        await says(store, waiting, question, reply("An answer of the assistant.", topic=topic))
    held = await asks(store, "can a person look at this")
    await desk.claim(held, coach.colleague, [reply("Asha Example from our team is here now.", topic="notice")])
    closed = await asks(store, "thank you for yesterday")
    await desk.claim(closed, admin.colleague, [reply("Meera Example from our team is here now.", topic="notice")])
    await desk.close(closed, admin.colleague, "answered", [reply("Meera Example has ended this talk.", topic="notice")])
    await CardStore(database).present([talk])

    canned = await CannedStore(database).put(
        "After an exam", f"How was the exam? You can tell me as much as you like.{more}"
    )
    invitation = await InvitationStore(database).make("new@example.org", Role.COACH, admin, now())
    return Furnished(admin, coach, guarded, password, talk, canned, invitation)


async def tour(people: People, url: str, there: Furnished, **options: object) -> AsyncIterator[tuple[str, Page]]:
    """Every page of the desk, one after another, with its name; as the people see them who may."""
    nobody = await (await people.context(**options)).new_page()
    await nobody.goto(f"{url}/desk/sign-in")
    yield "sign-in", nobody
    await nobody.goto(f"{url}/desk/invitation/{there.invitation}")
    yield "invitation", nobody
    await nobody.goto(f"{url}/desk/sign-in")
    await nobody.fill("#email", there.guarded.email)
    await nobody.fill("#password", there.password)
    await nobody.keyboard.press("Enter")
    await expect(nobody.locator("#code")).to_be_visible()
    yield "second-factor", nobody

    context = await people.signed_in(url, there.coach, there.password, **options)
    page = await context.new_page()
    await page.goto(f"{url}/desk/staff")
    yield "refused", page

    context = await people.signed_in(url, there.admin, there.password, **options)
    page = await context.new_page()
    await page.goto(f"{url}/desk")
    await expect(page.locator("#cards li")).not_to_have_count(0)
    yield "queue", page
    async with page.expect_response("**/suggestions"):
        await page.goto(f"{url}/desk#{there.talk}")
    await expect(page.locator("#log .message")).not_to_have_count(0)
    await expect(page.locator("#text")).to_be_visible()
    yield "live", page
    await page.goto(f"{url}/desk/account")
    offer = page.get_by_role("button", name="Set up a second factor")
    if await offer.count():  # the second time it stands open
        await offer.click()
    await expect(page.get_by_role("img", name="QR code")).to_be_visible()
    yield "account", page
    for name, path in (
        ("referrals", "referrals"),
        ("referral", f"referrals/{CODE}"),
        ("directory", "directory"),
        ("directory-new", "directory/new"),
        ("directory-entry", "directory/entry/asha-pune"),
        ("understanding", "understanding"),
        ("understanding-reviewed", "understanding/reviewed"),
        ("canned", "canned"),
        ("canned-one", f"canned/{there.reply}"),
        ("reports", "reports"),
        ("audit", "audit"),
    ):
        answer = await page.goto(f"{url}/desk/{path}")
        assert answer is not None
        assert answer.status == 200, f"{path}: {answer.status}"
        yield name, page
    await page.goto(f"{url}/desk/search")
    await page.fill("#words", "exam on")
    await page.keyboard.press("Enter")
    await expect(page.locator("ol.cards > li").first).to_be_visible()
    yield "search", page
    await page.goto(f"{url}/desk/staff")
    await page.fill("#email", "another@example.org")
    await page.get_by_role("button", name="Make a link").click()
    await expect(page.locator("#link")).to_be_visible()
    yield "staff", page
