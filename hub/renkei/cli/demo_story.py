"""The demo's story: one shopper, one cart, one till, one ledger; each step says what it must be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from renkei.cli.demo_expected import kept, points_for
from renkei.cli.demo_hub import Books
from renkei.cli.demo_stages import Cast
from renkei.cli.demo_watch import Look, Seen, watch_all
from renkei_contracts.stage import Item, Mischief, Shopper, TillAccess

SHOPPER = Shopper(email="hanako@example.jp", family_name="山田", given_name="花子")
CART, TILL = "cart", "till"
"""The connections' names."""

POINTS_USED = 50
TWICE = Mischief(times=2)
TWICE_BACKWARDS = Mischief(times=2, reversed=True)


@dataclass(frozen=True)
class Step:
    """One thing that happened, the balance it must lead to, and what each channel showed."""

    name: str
    expected: int
    seen: dict[str, Seen]

    def faults(self) -> list[str]:
        """Who did not show what they must."""
        return [
            f"{self.name}: {who} shows {one.shown}, not {self.expected}"
            for who, one in self.seen.items()
            if one.shown != self.expected
        ]


@dataclass
class Told:
    """The story as far as it was told."""

    steps: list[Step] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    member: str = ""
    card: str = ""
    masked_name: str = ""

    def expect(self, what: str, is_now: object, must_be: object) -> None:
        """Note a fault unless ``is_now`` is what it must be."""
        if is_now != must_be:
            self.faults.append(f"{what} is {is_now!r}, not {must_be!r}")


class StoryBroken(Exception):
    """The story cannot go on; what is missing is in the message."""


@dataclass
class Story:
    """Tells the story on two stages. ``deadline`` is how long a balance may take, in seconds."""

    books: Books
    cast: Cast
    access: TillAccess
    deadline: float
    on_step: Callable[[str], None] = lambda _: None
    told: Told = field(default_factory=Told)

    async def tell(self) -> Told:
        """Everything in its order; a fault is noted and the story goes on while it can."""
        customer = await self._register()
        bought = list(await self.cast.cart.catalogue())[:2]
        order, earned = await self._buy(customer, bought)
        await self._show_card(earned)
        balance = await self._sell(customer, earned)
        await self._return(customer, order, bought, balance - earned)
        return self.told

    async def _register(self) -> str:
        self.on_step("a shopper registers in the cart")
        customer = await self.cast.cart.register(SHOPPER)
        found = await self.books.enrolled(self.access, SHOPPER.email, self.deadline)
        if found is None:
            raise StoryBroken(f"the hub has not enrolled the cart's customer {customer}")
        self.told.member, self.told.card = found.member, found.card
        await self._see("registered", customer, 0, with_cart=False)
        return customer

    async def _buy(self, customer: str, items: Sequence[Item]) -> tuple[str, int]:
        self.on_step("she buys in the cart; its webhooks come twice and backwards")
        order = await self.cast.cart.buy(customer, items, TWICE_BACKWARDS)
        earned = points_for(items)
        await self._see("bought in the cart", customer, earned)
        return order, earned

    async def _show_card(self, balance: int) -> None:
        self.on_step("she shows her card at the till")
        answer = await self.books.resolve(self.access, "card", self.told.card)
        if answer is None:
            raise StoryBroken("the till endpoint does not know her card")
        self.told.masked_name = answer.masked_name
        self.told.expect("the member found by the card", answer.member, self.told.member)
        self.told.expect("what the till endpoint says she can spend", answer.spendable, balance)
        if SHOPPER.given_name in answer.masked_name:
            self.told.faults.append("the till endpoint does not mask her name")

    async def _sell(self, customer: str, balance: int) -> int:
        self.on_step(f"she pays {POINTS_USED} points at the till; the sale is told twice")
        item = replace((await self.cast.till.catalogue())[0], quantity=1)
        await self.cast.till.sell(self.told.card, [item], POINTS_USED, TWICE)
        after = balance - POINTS_USED + points_for([item], POINTS_USED)
        await self._see(f"paid {POINTS_USED} points at the till", customer, after)
        if not await self.books.polled(TILL, self.deadline):
            self.told.faults.append("the sale at the till was not found by a poll, too")
        await self._see("the sale was found again by a poll", customer, after)
        return after

    async def _return(
        self, customer: str, order: str, bought: Sequence[Item], other_points: int
    ) -> None:
        if "refund" not in self.cast.cart.can:
            return await self._call_off(customer, order, other_points)
        self.on_step("she gives the cheapest item back to the shop")
        returned = min(bought, key=lambda item: item.yen)
        await self.cast.cart.refund(order, returned.sku, 1)
        after = points_for(kept(bought, returned)) + other_points
        await self._see("gave an item back", customer, after)
        return None

    async def _call_off(self, customer: str, order: str, other_points: int) -> None:
        """A shop that knows no returns calls off the whole order; what was spent of it is owed."""
        self.on_step("she calls the order off")
        await self.cast.cart.cancel(order)
        await self._see("called the order off", customer, max(0, other_points))

    async def _see(
        self, name: str, customer: str, expected: int, *, with_cart: bool = True
    ) -> None:
        """Wait until ledger and channels show the balance, and note what they did show.

        A cart may show a new shopper nothing at all before there is a first point.
        """
        looks: dict[str, Look] = {"ledger": lambda: self.books.spendable(self.told.member)}
        if with_cart:
            looks["cart"] = lambda: self.cast.cart.points_shown(customer)
        looks["till"] = lambda: self.cast.till.points_shown(self.told.card)
        step = Step(name, expected, await watch_all(looks, expected, self.deadline))
        self.told.steps.append(step)
        self.told.faults += step.faults()
