"""The limit on how fast one visitor may write, by a clock that the tests turn."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.problem import Problem
from bot.channels.rate_limit import RateLimiter
from bot.values import Rate


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_passes_and_the_next_message_waits_for_one_token(clock: Clock) -> None:
    limiter = RateLimiter(Rate(per_minute=30, burst=3), clock)
    assert [limiter.wait("anna") for _ in range(3)] == [0, 0, 0]
    assert limiter.wait("anna") == pytest.approx(2)


def test_who_waits_as_long_as_told_may_write_again(clock: Clock) -> None:
    limiter = RateLimiter(Rate(per_minute=30, burst=1), clock)
    assert limiter.wait("anna") == 0
    clock.now += 1.5
    assert limiter.wait("anna") == pytest.approx(0.5)
    clock.now += 0.5
    assert limiter.wait("anna") == 0


def test_being_refused_costs_nothing(clock: Clock) -> None:
    limiter = RateLimiter(Rate(per_minute=30, burst=1), clock)
    limiter.wait("anna")
    for _ in range(100):
        limiter.wait("anna")
    clock.now += 2
    assert limiter.wait("anna") == 0


def test_visitors_do_not_slow_each_other_down(clock: Clock) -> None:
    limiter = RateLimiter(Rate(per_minute=1, burst=1), clock)
    assert limiter.wait("anna") == 0
    assert limiter.wait("berta") == 0
    assert limiter.wait("anna") > 0


def test_a_long_pause_gives_no_more_than_a_burst(clock: Clock) -> None:
    limiter = RateLimiter(Rate(per_minute=60, burst=2), clock)
    limiter.wait("anna")
    clock.now += 100_000
    assert [limiter.wait("anna") == 0 for _ in range(3)] == [True, True, False]


def test_switched_off_everything_passes(clock: Clock) -> None:
    limiter = RateLimiter(None, clock)
    assert not any(limiter.wait("anna") for _ in range(1000))


def test_a_crowd_does_not_wash_away_that_somebody_is_over_the_limit(clock: Clock) -> None:
    limiter = RateLimiter(Rate(per_minute=1, burst=1), clock)
    limiter.wait("flood")
    for number in range(10_100):
        assert limiter.wait(f"visitor {number}") == 0
    assert limiter.wait("flood") > 0


@pytest.mark.parametrize(("wait", "told"), [(0.2, "1"), (1.0, "1"), (1.34, "2"), (29.01, "30")])
def test_the_header_never_tells_to_come_back_too_early(wait: float, told: str) -> None:
    from http import HTTPStatus

    refused = Problem(HTTPStatus.TOO_MANY_REQUESTS, "Wait.", retry_after=wait).response()
    assert refused.headers["Retry-After"] == told


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    per_minute=st.floats(min_value=0.5, max_value=600),
    burst=st.integers(min_value=1, max_value=20),
    pauses=st.lists(st.floats(min_value=0, max_value=40), min_size=1, max_size=60),
)
def test_in_no_span_of_time_does_more_pass_than_the_burst_and_what_was_refilled(
    per_minute: float, burst: int, pauses: list[float]
) -> None:
    clock = Clock()
    limiter = RateLimiter(Rate(per_minute, burst), clock)
    passed: list[float] = []
    for pause in pauses:
        clock.now += pause
        if limiter.wait("anna") == 0:
            passed.append(clock.now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            allowed = burst + (passed[last] - passed[first]) * per_minute / 60
            assert last - first + 1 <= allowed + 1e-6


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    per_minute=st.floats(min_value=0.5, max_value=600),
    burst=st.integers(min_value=1, max_value=20),
    count=st.integers(min_value=2, max_value=60),
)
def test_who_obeys_the_waits_gets_everything_through_in_the_time_the_rate_says(
    per_minute: float, burst: int, count: int
) -> None:
    clock = Clock()
    limiter = RateLimiter(Rate(per_minute, burst), clock)
    passed: list[float] = []
    for _ in range(count):
        while wait := limiter.wait("anna"):
            clock.now += wait + 1e-6
        passed.append(clock.now)
    assert passed[:burst] == [1000.0] * min(burst, count)
    assert all(later - earlier <= 60 / per_minute + 1e-3 for earlier, later in pairwise(passed))
