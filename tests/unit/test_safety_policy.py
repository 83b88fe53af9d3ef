"""What happens in a conversation when somebody is in danger: the decisions, one by one."""

from __future__ import annotations

import pytest

from bot.model import Reply, State
from bot.safety.danger import UNSCREENED, Finding, Level, foremost, new_or_higher
from bot.safety.first_help import COUNTRY, GO_ON, first_help
from bot.safety.helplines import helplines
from bot.safety.policy import NOT_SAFE, Decision, SafetyPolicy, Watch

SUICIDE = Finding("safety_suicide", Level.SERIOUS, "lexicon")
VIOLENCE = Finding("safety_violence", Level.SERIOUS, "lexicon")
CHILD = Finding("safety_minor", Level.CONCERN, "lexicon")
FRIEND = Finding("safety_third_party", Level.SERIOUS, "lexicon")


class Talk:
    """A conversation as the policy sees it."""

    def __init__(self, country: str = "IN") -> None:
        self.policy = SafetyPolicy(first_help(), helplines(), country=country)
        self.watch = Watch()
        self.position = 0

    def hear(
        self, text: str, *findings: Finding, payload: str | None = None, state: State = State.ASSISTANT
    ) -> Decision:
        """One message; what is remembered survives being stored."""
        self.position += 1
        decision = self.policy.decide(text, payload, self.position, list(findings), self.watch, state)
        self.watch = Watch.load(decision.watch.dump())
        assert self.watch == decision.watch
        return decision


def said(decision: Decision) -> str:
    """All bubbles."""
    return "\n".join(reply.text for reply in decision.replies)


def topics(replies: tuple[Reply, ...]) -> set[str]:
    """What the bubbles are about."""
    return {reply.topic for reply in replies}


def test_a_calm_message_goes_to_the_assistant() -> None:
    decision = Talk().hear("what is vaginismus")
    assert (decision.replies, decision.answer, decision.flags) == ((), 1, ())


def test_an_alarm_is_answered_alone_and_flagged() -> None:
    decision = Talk().hear("I want to die", SUICIDE)
    assert topics(decision.replies) == {"safety_suicide"}
    assert decision.answer is None
    assert decision.flags == (SUICIDE,)
    assert "112" in said(decision)
    assert "14416" in said(decision)
    assert [button.payload for button in decision.replies[-1].buttons] == ["/talk_to_human", COUNTRY, GO_ON]


def test_the_same_danger_told_again_is_not_raised_again_but_never_ignored() -> None:
    talk = Talk()
    first = talk.hear("I want to die", SUICIDE)
    again = [talk.hear("really", SUICIDE) for _ in range(3)]
    assert all(decision.flags == () and decision.replies for decision in again)
    texts = [said(first), *(said(decision) for decision in again)]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    "finding", [VIOLENCE, Finding("safety_suicide", Level.IMMEDIATE, "lexicon")], ids=["another", "higher"]
)
def test_a_new_or_a_higher_danger_is_raised(finding: Finding) -> None:
    talk = Talk()
    talk.hear("I want to die", SUICIDE)
    decision = talk.hear("and now", SUICIDE, finding)
    assert decision.flags == (finding,)
    assert decision.alarm


def test_a_lower_level_of_the_same_danger_is_not_raised() -> None:
    talk = Talk()
    talk.hear("I want to die", SUICIDE)
    assert not talk.hear("hm", Finding("safety_suicide", Level.CONCERN, "classifier")).alarm


def test_immediate_danger_is_answered_first() -> None:
    bleeding = Finding("safety_bleeding", Level.IMMEDIATE, "classifier", 0.6)
    decision = Talk().hear("...", SUICIDE, bleeding)
    assert decision.replies[0].topic == "safety_bleeding"
    assert first_help().words["safety_suicide"].also in said(decision)


def test_what_the_danger_is_comes_before_who_is_in_it() -> None:
    assert foremost([FRIEND, SUICIDE]) == SUICIDE
    assert foremost([CHILD, Finding("safety_coercion", Level.CONCERN, "lexicon")]).category == "safety_coercion"  # type: ignore[union-attr]
    assert foremost([]) is None


def test_after_an_alarm_one_question_is_asked_and_then_the_message_that_waited_is_answered() -> None:
    talk = Talk()
    talk.hear("I want to die", SUICIDE)
    question = talk.hear("what do trainers cost")
    assert question.replies[0].text == first_help().check_ins["danger"]
    assert question.answer is None
    going_on = talk.hear("yes i'm ok")
    assert (going_on.replies, going_on.answer) == ((), 2)
    assert talk.hear("and how long does it take").answer == 4


def test_the_question_is_asked_only_once() -> None:
    talk = Talk()
    talk.hear("I want to die", SUICIDE)
    talk.hear("what do trainers cost")
    later = talk.hear("I asked what the trainers cost please tell me that now")
    assert (later.replies, later.answer) == ((), 3)


def test_a_concern_is_not_followed_by_the_question() -> None:
    talk = Talk()
    talk.hear("sometimes I think it would be easier", Finding("safety_suicide", Level.CONCERN, "classifier"))
    assert talk.hear("what do trainers cost").answer == 2


@pytest.mark.parametrize("answer", ["no", "nahi", "not really", "I'm not safe"])
def test_someone_who_is_not_safe_is_told_what_to_do_and_put_to_staff_again(answer: str) -> None:
    talk = Talk()
    talk.hear("he hits me", VIOLENCE)
    talk.hear("how long does treatment take")
    decision = talk.hear(answer)
    assert topics(decision.replies) == {"safety_violence"}
    assert "112" in said(decision)
    assert [flag.source for flag in decision.flags] == ["check_in"]


def test_the_button_says_the_same_as_the_words() -> None:
    talk = Talk()
    talk.hear("he hits me", VIOLENCE)
    talk.hear("how long does treatment take")
    assert topics(talk.hear("No", payload=NOT_SAFE).replies) == {"safety_violence"}


def test_going_on_answers_the_everyday_question_in_the_alarming_message() -> None:
    talk = Talk()
    talk.hear("what do trainers cost, he hits me when I ask for money", VIOLENCE)
    assert talk.hear("I am safe, go on", payload=GO_ON).answer == 1
    after = talk.hear("I am safe, go on", payload=GO_ON)
    assert after.answer is None
    assert after.replies


def test_the_numbers_are_those_of_the_country_that_is_named() -> None:
    talk = Talk()
    talk.hear("I want to die", SUICIDE)
    assert "116 123" in said(talk.hear("I live in England"))
    assert "116 123" in said(talk.hear("still", SUICIDE))
    assert "findahelpline.com" in said(talk.hear("I am in Brazil now"))


def test_another_country_can_be_chosen() -> None:
    talk = Talk()
    talk.hear("I want to die", SUICIDE)
    offered = talk.hear("I am in another country", payload=COUNTRY).replies[-1].buttons
    america = next(button for button in offered if "United States" in button.title)
    assert "988" in said(talk.hear(america.title, payload=america.payload))


@pytest.mark.parametrize("payload", [f"{COUNTRY}[]", f'{COUNTRY}{{"country": 7}}', f"{COUNTRY}{{", "/safety_nonsense"])
def test_a_forged_button_harms_nothing(payload: str) -> None:
    talk = Talk()
    talk.hear("I want to die", SUICIDE)
    decision = talk.hear("?", payload=payload)
    assert decision.replies or decision.answer


def test_the_country_of_the_settings_is_taken_first() -> None:
    assert "116 123" in said(Talk(country="GB").hear("I want to die", SUICIDE))


def test_someone_under_age_gets_words_for_her_age_and_the_childrens_line() -> None:
    decision = Talk().hear("I am 15 and he hits me", VIOLENCE, CHILD)
    assert first_help().words["safety_violence"].minor is not None
    assert decision.replies[0].text.startswith(str(first_help().words["safety_violence"].minor)[:40])
    assert "1098" in said(decision)


def test_someone_under_age_gets_no_coaching_later_either() -> None:
    talk = Talk()
    talk.hear("im 15", CHILD)
    coaching = (Reply("Begin with the smallest.", "dilators_how"),)
    plain = (Reply("It is common.", "how_common"),)
    assert topics(talk.policy.for_minors(coaching, talk.watch)) == {"safety_minor"}
    assert talk.policy.for_minors(plain, talk.watch) == plain


def test_a_child_in_somebody_elses_story_does_not_make_the_writer_a_child() -> None:
    talk = Talk()
    talk.hear("my neighbour's girl is 12 and being married off", CHILD, FRIEND)
    coaching = (Reply("Begin with the smallest.", "dilators_how"),)
    assert talk.policy.for_minors(coaching, talk.watch) == coaching


def test_beside_a_person_nothing_is_said_but_staff_are_warned() -> None:
    talk = Talk()
    decision = talk.hear("he hits me", VIOLENCE, state=State.PERSON)
    assert (decision.replies, decision.answer, decision.flags) == ((), None, (VIOLENCE,))
    assert talk.hear("he hits me", VIOLENCE, state=State.PERSON).flags == ()


def test_beside_a_person_immediate_danger_brings_the_numbers() -> None:
    now = Finding("safety_violence", Level.IMMEDIATE, "lexicon")
    decision = Talk().hear("he is at the door", now, state=State.PERSON)
    assert "112" in said(decision)


def test_what_could_not_be_read_is_answered_and_put_to_staff() -> None:
    failure = Finding(UNSCREENED, Level.SERIOUS, "failure")
    decision = Talk().hear("what is vaginismus", failure)
    assert decision.flags == (failure,)
    assert decision.answer == 1
    assert "emergency" in said(decision)


def test_new_or_higher_compares_by_category() -> None:
    assert new_or_higher([SUICIDE, VIOLENCE], {"safety_suicide": Level.SERIOUS}) == [VIOLENCE]
