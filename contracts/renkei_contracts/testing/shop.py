"""Doing business on a twin without asking whether it is a cart or a till."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from renkei_contracts.stage import STRAIGHT, CartStage, Item, Mischief, Shopper, TillStage
from renkei_contracts.testing.checks import NotApplicable
from renkei_contracts.twin.base import Twin

HANAKO = Shopper("hanako@example.jp", "山田", "花子", card="2900000000018")
TARO = Shopper("taro@example.jp", "鈴木", "太郎", card="2900000000025")


@dataclass(frozen=True)
class Buyer:
    """A shopper as the vendor knows them: ``id`` is the customer's, empty where it keeps none."""

    id: str
    card: str


NOBODY = Buyer("", "")


async def enrolled(twin: Twin, shopper: Shopper = HANAKO) -> Buyer:
    """The shopper with a customer record, where the vendor keeps them."""
    id = await twin.register(shopper) if "register" in twin.can else ""
    return Buyer(id, shopper.card)


async def some_items(twin: Twin) -> Sequence[Item]:
    """Two pieces of the first thing sold and one of each of the next two."""
    first, *others = (await twin.catalogue())[:3]
    return [replace(first, quantity=2), *others]


async def sale(
    twin: Twin,
    buyer: Buyer | None = None,
    items: Sequence[Item] | None = None,
    mischief: Mischief = STRAIGHT,
) -> str:
    """Sell the items (some of the catalogue) to the buyer (Hanako); the sale's id."""
    if twin.kind == "service":
        raise NotApplicable("nothing is sold there")
    to = await enrolled(twin) if buyer is None else buyer
    bought = await some_items(twin) if items is None else items
    if isinstance(twin, TillStage):
        return await twin.sell(to.card, bought, 0, mischief)
    return await _cart(twin).buy(to.id, bought, mischief)


async def points_shown(twin: Twin, buyer: Buyer) -> int | None:
    """What the shopper sees on the account page, or the cashier on the display."""
    if isinstance(twin, TillStage):
        return await twin.points_shown(buyer.card)
    return await _cart(twin).points_shown(buyer.id)


def _cart(twin: Twin) -> CartStage:
    if not isinstance(twin, CartStage):
        raise TypeError("a twin is a CartStage or a TillStage: see stage.py")
    return twin
