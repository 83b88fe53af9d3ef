"""What is left out of texts that are kept to learn from: written as people write, not as the patterns are."""

from __future__ import annotations

import time

import pytest

from bot.redaction import redact

WITH_CONTACTS = [
    # telephone numbers
    ("call me on 98450 12345 after 6", "[phone]", "98450"),
    ("my number 9845012345", "[phone]", "9845012345"),
    ("+91-98450-12345 is my whatsapp", "[phone]", "98450"),
    ("ring 020 7946 0958 please", "[phone]", "7946"),
    ("(415) 555-2671 is where you get me", "[phone]", "555"),
    ("0049 30 901820 thats my landline", "[phone]", "901820"),
    ("reach me 9 8 4 5 0 1 2 3 4 5", "[phone]", "4 5 0"),
    ("98.450.123.45 is how my phone is written", "[phone]", "450"),
    ("9845o12345 no sorry 9845012345", "[phone]", "9845012345"),
    ("nine eight four five zero one two three four five", "[phone]", "four"),
    ("it is nine, eight, double four, oh one, triple two, six", "[phone]", "triple"),
    ("mera number nau aath chaar paanch shunya ek do teen chaar paanch hai", "[phone]", "paanch"),
    ("98four50one two345 call", "[phone]", "four"),
    ("नौ आठ चार पांच शून्य एक दो तीन चार पांच", "[phone]", "शून्य"),
    ("९८४५०१२३४५ par call karo", "[phone]", "९८४५"),
    ("call 9️⃣8️⃣4️⃣5️⃣0️⃣1️⃣2️⃣3️⃣4️⃣5️⃣", "[phone]", "4"),
    ("+971 50 123 4567 i live in dubai", "[phone]", "4567"),
    ("ph:080-25551234 (home)", "[phone]", "2555"),
    # e-mail
    ("write to asha.rao@example.org", "[e-mail]", "asha"),
    ("asha rao92@gmail.com works too", "[e-mail]", "rao92"),
    ("asha at gmail dot com", "[e-mail]", "asha"),
    ("its asha dot rao at yahoo dot co dot in", "[e-mail]", "asha"),
    ("asha(at)example(dot)org", "[e-mail]", "asha"),
    ("asha [at] example [dot] com pls", "[e-mail]", "asha"),
    ("a s h a at gmail", "[e-mail]", "s h a"),
    ("asha at the rate gmail.com", "[e-mail]", "asha"),
    ("ASHA.RAO@GMAIL.COM!!", "[e-mail]", "ASHA"),
    ("my gmail is asharao", "[e-mail]", "asharao"),
    ("my email is asha rao ninety two at gmail", "[e-mail]", "asha"),
    ("pay me 9845012345@ybl", "[e-mail]", "9845"),
    # links
    ("look https://example.org/asha?x=1 thats me", "[link]", "asha"),
    ("www.asha-writes.example see there", "[link]", "asha"),
    ("my blog asharao.com tells it all", "[link]", "asharao"),
    ("t.me/asharao", "[link]", "asharao"),
    ("wa.me/919845012345", "[link]", "98450"),
    ("asharao dot com is my page", "[link]", "asharao"),
    ("i posted it on bit.ly/3abcde", "[link]", "3abcde"),
    # handles
    ("i'm @asha_rao there", "[handle]", "asha"),
    ("insta: asharao", "[handle]", "asharao"),
    ("Instagram id asha.rao.92", "[handle]", "asha"),
    ("my telegram is asharao", "[handle]", "asharao"),
    ("whatsapp me on asharao92", "[handle]", "asharao"),
    ("snap is ashuuu", "[handle]", "ashuuu"),
    ("find me on insta as asharao", "[handle]", "asharao"),
    ("u/throwaway_asha on reddit", "[handle]", "asha"),
    ("asha#1234 discord", "[handle]", "asha"),
    ("username: asharao", "[handle]", "asharao"),
    ("asha_rao_blr add me", "[handle]", "blr"),
    ("my insta handle asharao ok", "[handle]", "asharao"),
    ("add me on facebook Asha Rao", "[handle]", "asha"),
    ("my fb name is Asha Rao", "[handle]", "rao"),
    ("insta handle - the.asha.rao", "[handle]", "asha"),
    ("find me on facebook under asha rao", "[handle]", "rao"),
    ("t.me asharao", "[link]", "asharao"),
    ("see asharao.com.thanks", "[link]", "asharao"),
    ("postcode is EH1 1YZ", "[postcode]", "1YZ"),
    ("fb - asharao", "[handle]", "asharao"),
    # codes, postcodes, addresses, numbers
    ("what about K7M2-QX9T", "[code]", "K7M2"),
    ("my code is k7m2qx9t", "[code]", "k7m2"),
    ("im in 560034", "[postcode]", "560034"),
    ("pincode 560 034 koramangala", "[postcode]", "034"),
    ("i live near SW1A 1AA", "[postcode]", "1AA"),
    ("zip 94110", "[postcode]", "94110"),
    ("pin is five six zero zero three four", "[number]", "five"),
    ("send it to flat 4b, MG road", "[address]", "4b"),
    ("221b baker street", "[address]", "221b"),
    ("house no 12/3 behind the temple", "[address]", "12/3"),
    ("12th main 5th cross indiranagar", "[address]", "12th"),
    ("my address is 7 Lotus Lane, second floor", "[address]", "Lotus"),
    ("aadhaar 1234 5678 9012", "[phone]", "5678"),
    ("my pan is ABCDE1234F", "[number]", "ABCDE"),
    ("hospital file MRN0045678", "[number]", "0045678"),
]

WITHOUT = [
    "im 28 and married for 2 years",
    "size 3 hurts",
    "i am stuck on size 4 since 6 weeks",
    "should i call 112",
    "is 14416 free",
    "do i call 116 123 in england",
    "it began in 2019",
    "from 2019 to 2023 it was fine",
    "2019-2020 was the worst",
    "my wedding is on 12-03-2027",
    "12/03/2027 is the scan",
    "im 5 ft 2 and 60 kg",
    "we tried 3 or 4 times a week",
    "breathe in for one two three four",
    "one or two fingers, three is too much",
    "appointment at 10:30, home by 12",
    "rs 150000 for surgery??",
    "it costs 12000 rupees",
    "8 sessions 45 minutes each",
    "trainers 1, 2, 3 went in, 4 did not",
    "my kids are 3, 5, 8 and 12",
    "25F here, he is 27M",
    "pain is 7/10 some days 9/10",
    "24 y/o",
    "shaadi ko do saal ho gaye",
    "teen mahine se try kar rahe hain",
    "one of my friends told me at work",
    "she said it at dinner",
    "i saw it on instagram and cried",
    "we met on telegram last year",
    "my email never came",
    "no reply to my whatsapp message",
    "i feel at home here",
    "2nd stage of labour",
    "every day at 5pm for ten minutes",
    "it hurts.so much.i cannot",
    "covid19 came and we stopped",
    "is 30 too old to start",
    "week 12 of pregnancy",
    "the road is long",
    "in this house 2 years now",
    "I did not sleep. Me neither.",
    "whatsapp pe baat kar sakte hain kya",
    "my email is not working",
    "whatsapp: is it possible?",
    "I am 5'4\" 62kg 31 yrs, married 2018, 2 kids (4 and 6), c-section 2020 and 2022",
    "cycle is 28-30 days, period 5-7 days",
    "i bought a set of 8, 1-8, for 3,499 rupees",
    "call 181 or 1098 or 1-800-891-4416",
]


@pytest.mark.parametrize(("text", "label", "secret"), WITH_CONTACTS)
def test_what_would_reach_somebody_is_replaced(text: str, label: str, secret: str) -> None:
    """By a label that says what it was."""
    redacted = redact(text)
    assert label in redacted
    assert secret.lower() not in redacted.lower()


@pytest.mark.parametrize("text", WITHOUT)
def test_what_reaches_nobody_stays(text: str) -> None:
    """Ages, durations, sizes, years, amounts, emergency numbers."""
    assert redact(text) == text


def test_the_rest_of_a_message_stays_readable() -> None:
    """Only the contact goes."""
    text = "size 3 hurts since 2 years, call 98450 12345 or asha@example.org"
    assert redact(text) == "size 3 hurts since 2 years, call [phone] or [e-mail]"


def test_what_was_redacted_is_not_redacted_again() -> None:
    """Labels are no contacts."""
    for text, _, _ in WITH_CONTACTS:
        assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "part", ["a.a", "a-", "1 ", "one two ", "@ ", "a ", "1, ", "flat 1 a ", "at gmail ", "a@a.", "_a", "my mail is "]
)
def test_the_longest_message_takes_no_time(part: str) -> None:
    """Whatever somebody sends, it does not hold the service up."""
    text = (part * 5000)[:5000]
    began = time.perf_counter()
    redact(text)
    assert time.perf_counter() - began < 1.5
