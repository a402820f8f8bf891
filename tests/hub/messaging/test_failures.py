"""How long to wait, when to give up, and what may be said about it."""

from datetime import timedelta
from pathlib import Path

import pytest

from renkei.messaging.reason import place_of, reason_of
from renkei.messaging.retry import LONGEST_PAUSE, TRIES, dies, pause
from renkei_contracts.errors import (
    AuthenticationFailed,
    NotFound,
    OutcomeUnknown,
    PayloadInvalid,
    RateLimited,
    Rejected,
    Unavailable,
    UnsupportedFeature,
)


def test_pauses_double_and_are_bounded() -> None:
    assert [pause(tries).total_seconds() for tries in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert pause(10_000) == LONGEST_PAUSE
    assert sum((pause(n) for n in range(1, TRIES)), timedelta()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "error", [Unavailable("x"), RateLimited("x"), OutcomeUnknown("x"), AuthenticationFailed("x")]
)
def test_what_may_pass_is_never_given_up(error: Exception) -> None:
    assert not dies(error, 1_000)


@pytest.mark.parametrize("error", [PayloadInvalid("x"), Rejected("x"), UnsupportedFeature("x")])
def test_what_repeating_cannot_help_is_given_up_at_once(error: Exception) -> None:
    assert dies(error, 1)


@pytest.mark.parametrize("error", [NotFound("not committed yet"), KeyError("a plugin's bug")])
def test_what_nobody_foresaw_is_tried_a_few_times(error: Exception) -> None:
    assert not dies(error, TRIES - 1)
    assert dies(error, TRIES)


def test_only_our_own_errors_words_are_kept() -> None:
    assert reason_of(Rejected("no such customer")) == "no such customer"
    assert reason_of(Rejected("")) == "Rejected"
    assert reason_of(ValueError("hanako@example.jp")) == "ValueError"


def test_a_place_says_where_and_nothing_else() -> None:
    with pytest.raises(ValueError) as caught:
        int("hanako")
    assert place_of(caught.value).startswith(Path(__file__).name)
    assert "hanako" not in place_of(caught.value)
