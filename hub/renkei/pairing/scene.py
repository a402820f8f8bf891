"""What the steps of a script act on: two stages, the hub between them, and the script's names."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from sqlalchemy import text

from renkei.pairing.house import House
from renkei.pairing.reading import read_books, read_names
from renkei.pairing.state import Names, State, state_of
from renkei.services.members.lookup import customer_of, members_by
from renkei.services.till.till_terminal import Terminal
from renkei_contracts.ids import ExternalRef
from renkei_contracts.stage import STRAIGHT, CartStage, Item, Mischief, Shopper, TillStage
from renkei_contracts.till import ResolveMember
from renkei_contracts.vendor import Vendor

CART, TILL = "cart", "till"
"""The names of the connections."""

COUNTED = """
SELECT coalesce(same_connection, connection_id), coalesce(same_ref, order_ref) FROM orders
WHERE (connection_id, order_ref) = (:c, :r)"""

CREATED = "SELECT external_id FROM mirror WHERE connection_id = :c AND member_id = :m"

LOST = Mischief(lost=True)

S = TypeVar("S", CartStage, TillStage)


@dataclass(frozen=True)
class Side(Generic[S]):
    """A vendor and its stage, connected under ``id``; ``asks_hub`` as TillStage has it."""

    id: str
    vendor: Vendor
    stage: S
    asks_hub: bool = False

    @property
    def silent(self) -> bool:
        """Whether the vendor sends no webhooks, so that only a poll finds what happened."""
        return self.vendor.webhooks is None

    @property
    def can_lose(self) -> bool:
        """Whether a poll finds, with its buyer, what no delivery told of."""
        return self.vendor.orders is not None and not self.asks_hub


@dataclass
class Scene:
    """``customers`` are vendors' ids by (connection, person), ``sales`` connection/ref by name.

    ``left`` are those who are no customers any more.
    """

    house: House
    cart: Side[CartStage]
    till: Side[TillStage]
    terminal: Terminal
    people: dict[str, Shopper]
    customers: dict[tuple[str, str], str] = field(default_factory=dict)
    sales: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)

    async def register(self, name: str, side: Side[CartStage] | Side[TillStage]) -> None:
        """The person of this name becomes a customer there."""
        self.customers[side.id, name] = await side.stage.register(self.people[name])

    async def rename(self, name: str, shopper: Shopper) -> None:
        """The person has another name and address in the cart from now on, and the same card."""
        await self.cart.stage.rename(self.customer(name), shopper)
        self.people[name] = replace(shopper, card=self.people[name].card)

    async def buy(
        self, sale: str, name: str, items: Sequence[Item], mischief: Mischief = STRAIGHT
    ) -> None:
        """Somebody (empty: a guest) buys in the cart; the sale is called ``sale`` from now on."""
        customer = self.customers[CART, name] if name else ""
        self._note(sale, self.cart, await self.cart.stage.buy(customer, items, mischief))

    async def sell(
        self,
        sale: str,
        name: str,
        items: Sequence[Item],
        points: int = 0,
        mischief: Mischief = STRAIGHT,
    ) -> None:
        """Somebody (empty: nobody known) buys at the till and pays these points."""
        card = await self.card(name) if name else ""
        await self.sell_to(card, sale, items, points, mischief)

    async def sell_to(
        self,
        card: str,
        sale: str,
        items: Sequence[Item],
        points: int = 0,
        mischief: Mischief = STRAIGHT,
    ) -> None:
        """The same, for who holds this card: the hub is not asked."""
        self._note(sale, self.till, await self.till.stage.sell(card, items, points, mischief))

    def _note(self, sale: str, side: Side[CartStage] | Side[TillStage], ref: str) -> None:
        self.sales[sale] = f"{side.id}/{ref}"

    def ref(self, sale: str) -> str:
        """The vendor's id of the sale."""
        return self.sales[sale].partition("/")[2]

    def customer(self, name: str) -> str:
        """The cart's id of the customer."""
        return self.customers[CART, name]

    async def counted_as(self, sale: str) -> tuple[str, str]:
        """(connection, ref) under which the hub counts the sale: a till's may have two names."""
        connection, _, ref = self.sales[sale].partition("/")
        async with self.house.hub.database.begin() as conn:
            row = (await conn.execute(text(COUNTED), {"c": connection, "r": ref})).first()
        return (row[0], row[1]) if row else (connection, ref)

    async def customer_at_the_till(self, name: str) -> str:
        """The till's id of the customer: registered there, or created there by the hub."""
        if (TILL, name) in self.customers:
            return self.customers[TILL, name]
        asked = {"c": TILL, "m": await self.member(name)}
        async with self.house.hub.database.begin() as conn:
            return str((await conn.execute(text(CREATED), asked)).scalar_one())

    async def member(self, name: str) -> str:
        """The hub's id of the person."""
        refs = [
            ExternalRef(connection=side, id=id)
            for (side, who), id in self.customers.items()
            if who == name
        ]
        found = await members_by(self.house.hub.booking, [customer_of(ref) for ref in refs])
        if len(found) != 1:
            raise AssertionError(f"{name} is {len(found)} members and must be one")
        return found[0]

    async def card(self, name: str) -> str:
        """The card of the person: the till's own, or the one the hub has issued."""
        shopper = self.people[name]
        if (TILL, name) in self.customers:
            return shopper.card
        asked = ResolveMember(scheme="email", value=shopper.email)
        return (await self.house.hub.till.resolve(self.terminal, asked)).card

    async def quiet(self, *, polled: bool = False) -> None:
        """Wait until the hub has worked off what happened."""
        if polled or self.cart.silent or self.till.silent:
            await self.house.polled()
        else:
            await self.house.at_rest()

    async def state(self) -> State:
        """What the ledger says now."""
        members = {await self.member(name): name for _, name in self.customers}
        sales = {ref: name for name, ref in self.sales.items()}
        async with self.house.hub.database.begin() as conn:
            now = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
            books = await read_books(conn, list(members), now)
            names: Names = await read_names(conn, members, sales)
        return state_of(books, names)


def pieces(item: Item, quantity: int) -> Item:
    """So many pieces of it."""
    return replace(item, quantity=quantity)
