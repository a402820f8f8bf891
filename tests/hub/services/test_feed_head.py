"""What is known of the feed's end, from answers that come in any order."""

from typing import Any

from renkei.services.till.feed_head import LOOKS_BACK, FeedHead

RULES, STORES = frozenset({"rule"}), frozenset({"store"})


def new_head() -> FeedHead:
    nowhere: Any = None
    return FeedHead(nowhere)


def test_an_answer_that_comes_late_takes_nothing_back() -> None:
    head = new_head()
    (_, early), (_, late) = head.asked(), head.asked()
    late([(7, "rule", 7), (7, "store", 5)])
    early([(6, "store", 5)])
    assert (head.known(RULES), head.known(STORES), head.known(RULES | STORES)) == (7, 5, 7)
    assert head.asked()[0].values["seen"] == 7


def test_a_kind_that_was_not_seen_counts_as_changed_before_what_was_read() -> None:
    head = new_head()
    head.asked()[1]([(LOOKS_BACK + 50, "balance", LOOKS_BACK + 50)])
    assert head.known(RULES) == 50


def test_where_another_database_is_put_in_place_all_counts_as_changed() -> None:
    head = new_head()
    head.asked()[1]([(9, "rule", 9)])
    head.asked()[1]([(4, None, None)])
    assert head.known(RULES) == 4
    head.asked()[1]([(5, "rule", 5)])
    assert head.known(RULES) == 5
