"""The state hash: the same for the same state by whatever way, another for any other state."""

from dataclasses import replace

import pytest

from renkei.ledger.statehash import MemberState, canonical, state_hash

ONE = MemberState("1", 10, 0, (("cart/a", 5, 0), ("cart/b", 0, 3)))
TWO = MemberState("2", 0, -4, ())


def test_the_order_of_members_and_orders_does_not_matter() -> None:
    turned = replace(ONE, orders=ONE.orders[::-1])
    assert state_hash([ONE, TWO]) == state_hash([TWO, turned])


@pytest.mark.parametrize(
    "other",
    [
        replace(ONE, spendable=11),
        replace(ONE, debt=-1),
        replace(ONE, alias="3"),
        replace(ONE, orders=(("cart/a", 5, 1), ("cart/b", 0, 3))),
        replace(ONE, orders=ONE.orders[:1]),
    ],
)
def test_every_value_matters(other: MemberState) -> None:
    assert state_hash([other, TWO]) != state_hash([ONE, TWO])


def test_a_sale_has_one_name_whichever_copy_was_seen_first() -> None:
    assert canonical({"shop/p": "cart/o"}) == {"shop/p": "cart/o", "cart/o": "cart/o"}
    assert canonical({"cart/o": "shop/p"}) == {"shop/p": "cart/o", "cart/o": "cart/o"}
