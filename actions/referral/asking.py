"""Asking: each question of a referral, and the matches with the reasons for each."""

from __future__ import annotations

from actions.exchange import Exchange, button
from actions.referral.contact import Contact
from actions.referral.record import Record
from actions.services import services
from bot.directory.matching import Match, Matches

_MANY = 3


def again_button() -> dict[str, str]:
    """The choice to try once more."""
    return button("Try again", "again", "again", form="referral")


def _buttons(*rows: tuple[str, str, str]) -> list[dict[str, str]]:
    return [button(*row, form="referral") for row in rows]


async def ask(exchange: Exchange, record: Record) -> None:
    """Ask the open question of a record, and count that it was asked.

    Raises:
        StorageUnavailable: the directory cannot be read just now.
    """
    step = record.step
    times = record.asked.get(step, 0)
    record.asked[step] = times + 1
    match step:
        case "place":
            name = "utter_referral_ask_place" if times == 0 else "utter_referral_ask_place_again"
            exchange.say(name, buttons=_buttons(("I'd rather not say", "place", "skip")))
        case "which_place":
            from bot.directory.gazetteer import Place

            names = [Place(**row).say(services().country) for row in record.candidates]
            choices = [(row[:40], "which_place", str(number)) for number, row in enumerate(names)]
            exchange.say(
                "utter_referral_which_place", buttons=_buttons(*choices, ("Another place", "which_place", "other"))
            )
        case "wishes":
            rows = [
                ("A woman", "wishes", "woman"),
                ("Trauma-informed", "wishes", "trauma"),
                ("By video", "wishes", "video"),
            ]
            if record.kind == "physiotherapist":
                rows.append(("Home visits", "wishes", "home_visits"))
            rows += [("Trans-inclusive", "wishes", "trans"), ("No special wish", "wishes", "none")]
            exchange.say(f"utter_referral_ask_wishes_{record.kind}", buttons=_buttons(*rows))
        case "pick":
            await _show_matches(exchange, record)
        case "consent":
            whom = record.practitioner_name or "nobody in particular, the team looks"
            exchange.say(
                "utter_referral_ask_consent",
                buttons=_buttons(("Yes, pass it on", "consent", "yes"), ("No, don't", "consent", "no")),
                what=what_is_passed_on(record, whom),
            )
        case "reach":
            exchange.say(
                "utter_referral_ask_reach",
                buttons=_buttons(
                    ("Here in this chat", "reach", "chat"),
                    ("By phone", "reach", "phone"),
                    ("By e-mail", "reach", "email"),
                ),
            )
        case "contact":
            exchange.say(f"utter_referral_ask_{record.way}", buttons=_buttons(("Rather in this chat", "reach", "chat")))
        case "times":
            exchange.say(
                "utter_referral_ask_times",
                buttons=_buttons(
                    ("Mornings", "times", "mornings"),
                    ("Afternoons", "times", "afternoons"),
                    ("Evenings", "times", "evenings"),
                    ("Any time", "times", "any time"),
                ),
            )
        case "send":
            exchange.say(
                "utter_referral_ask_send",
                buttons=_buttons(
                    ("Send it", "send", "yes"), ("Change it", "send", "change"), ("Do not send it", "send", "no")
                ),
                what=what_is_passed_on(record, record.practitioner_name or "whoever fits best"),
                reach=_reach(record),
            )
        case "withdraw":
            exchange.say(
                "utter_referral_withdraw_sure",
                buttons=_buttons(("Yes, take it back", "withdraw", "yes"), ("No, keep it", "withdraw", "no")),
                code=record.code,
            )


def explain(exchange: Exchange, record: Record, control: str) -> None:
    """Why something is asked, or who will see it."""
    place = record.step in ("place", "which_place")
    exchange.say(
        "utter_referral_who" if control == "who" else "utter_referral_why_place" if place else "utter_referral_why",
        buttons=[],
    )


def what_is_passed_on(record: Record, whom: str) -> str:
    """The wish in lines, as staff will see it."""
    kind = "a coach (online)" if record.kind == "coach" else "a physiotherapist"
    wishes = [*(f"speaks {language}" for language in record.languages)]
    wishes += [{"woman": "a woman", "man": "a man"}.get(record.gender, record.gender)] if record.gender else []
    wishes += [name.replace("_", " ") for name in (*record.services, *record.accessibility)]
    lines = [f"- Looking for: {kind}", f"- Whom: {whom}"]
    if record.kind == "physiotherapist":
        lines.append(f"- Place: {record.place_said or 'not said'}")
    lines.append(f"- Wishes: {', '.join(wishes) if wishes else record.words or 'none'}")
    return "\n".join(lines)


def _reach(record: Record) -> str:
    way = {"chat": "here in this chat", "phone": "by phone", "email": "by e-mail"}[record.way or "chat"]
    hidden = Contact(record.way, record.contact).hidden()
    times = f", {record.times}" if record.times else ""
    return f"{way}{f' ({hidden})' if hidden else ''}{times}"


async def _show_matches(exchange: Exchange, record: Record) -> None:
    matches, are_examples = await services().directory.matches(record.wish())
    if are_examples and not exchange.memory.times("utter_referral_examples"):
        exchange.say("utter_referral_examples", buttons=[])
    shown = _shown(matches)
    record.shown = [one.practitioner.id for one in shown]
    before, record.shown_for = record.shown_for, f"{record.wish()} {record.shown}"
    name, values = _how_to_say(record, matches)
    if record.shown_for == before:
        short = "\n".join(f"{number}. {_where(one)}" for number, one in enumerate(shown, start=1))
        name, values = "utter_referral_pick_again", {"matches": short or "nobody yet"}
    choices = [(_choice(number, len(shown)), "pick", one.practitioner.id) for number, one in enumerate(shown)]
    others = [("Other wishes", "wishes", "again")]
    if record.kind == "physiotherapist":
        if not matches.near:
            others = [("A coach online", "pick", "coach")]
        others.append(("Another place", "place", "again"))
    team = ("A person who looks", "pick", "team")
    exchange.say(name, buttons=_buttons(*choices, *others, team), **values)


def _shown(matches: Matches) -> list[Match]:
    nearest = [matches.nearest] if matches.nearest else []
    return list(matches.near or (*nearest, *matches.online))[:_MANY]


def _choice(number: int, many: int) -> str:
    return "Ask for this one" if many == 1 else f"Number {number + 1}"


def _how_to_say(record: Record, matches: Matches) -> tuple[str, dict[str, str]]:
    """The response and what stands in its gaps."""
    shown = _shown(matches)
    listed = "\n".join(
        f"{number}. {_describe(one, by_video=one in matches.online)}" for number, one in enumerate(shown, start=1)
    )
    if matches.near:
        return f"utter_referral_matches_{record.kind}", {"matches": listed}
    if record.kind == "coach":
        return "utter_referral_no_coach", {}
    if not shown:
        return "utter_referral_nobody", {}
    if record.place is None:
        return "utter_referral_only_online", {"matches": listed}
    if matches.nearest is None:
        return "utter_referral_none_near_online", {"matches": listed}
    return "utter_referral_none_near", {"matches": listed, "km": f"{matches.nearest.km or 0:.0f}"}


def _where(one: Match, *, by_video: bool = False) -> str:
    """Who, and where."""
    who = one.practitioner
    where = "online" if who.role == "coach" else ", ".join(filter(None, (who.area, who.city)))
    near = one.km is not None and who.role != "coach" and not by_video
    way = f", about {max(1, round(one.km or 0))} km away" if near else ", by video" if by_video else ""
    return f"{who.name} ({where}{way})"


def _describe(one: Match, *, by_video: bool = False) -> str:
    """One match in plain words: who, where, why, and what does not fit."""
    who = one.practitioner
    parts = [f"{_where(one, by_video=by_video)}."]
    if one.met:
        parts.append(f"Fits: {', '.join(one.met)}.")
    if one.unmet:
        parts.append(f"Not stated: {', '.join(one.unmet)}.")
    parts.append(f"Speaks {', '.join(who.languages)}.")
    if who.hours:
        parts.append(f"Hours: {who.hours}.")
    return " ".join(parts)
