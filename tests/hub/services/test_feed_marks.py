"""Cursors after a restore."""

import pytest

from renkei.errors import TillRefused
from renkei.services.till.feed import cursor_of, position
from renkei.services.till.feed_marks import Marks

NEVER = Marks()
ONCE = Marks([(7, 100)])
TWICE = Marks([(7, 100), (9, 150)])
"""Restored when the feed had 100, then when it had 150."""


def test_a_cursor_that_was_given_before_the_backup_is_good_after_every_restore() -> None:
    for now in (NEVER, ONCE, TWICE):
        assert position(cursor_of(100, NEVER), now) == 100
    assert position(cursor_of(150, ONCE), TWICE) == 150
    assert position(cursor_of(400, TWICE), TWICE) == 400


@pytest.mark.parametrize(
    ("given", "seq", "now"),
    [
        (NEVER, 101, ONCE),  # by what was lost then
        (NEVER, 120, TWICE),
        (ONCE, 151, TWICE),
        (ONCE, 50, NEVER),  # by a restored hub that is lost itself
        (Marks([(8, 100)]), 120, ONCE),  # by another that was made of the same backup
    ],
)
def test_a_cursor_of_what_was_lost_is_unknown_however_far_the_feed_has_come(
    given: Marks, seq: int, now: Marks
) -> None:
    with pytest.raises(TillRefused):
        position(cursor_of(seq, given), now)
