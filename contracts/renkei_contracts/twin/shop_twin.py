"""A twin on the shop of ``twin.shop``: a vendor's adds its rows, its routes and its deliveries."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, StageContext
from renkei_contracts.twin.base import TwinBase
from renkei_contracts.twin.emitter import Outgoing
from renkei_contracts.twin.faults import FaultScript
from renkei_contracts.twin.faulty import Faulty
from renkei_contracts.twin.schema import Call, Checked, JsonSchema
from renkei_contracts.twin.schema_log import SchemaLog
from renkei_contracts.twin.shop import CATALOGUE, Customer, Sale, Shop

ACTIONS: frozenset[Action] = frozenset(
    {
        "register", "nameless", "guest", "refund", "edit", "cancel", "fulfil", "adjust", "rename",
        "withdraw", "merge",
    }
)  # fmt: skip

Happening = Literal["created", "changed", "gone"]

Answer = Callable[[Request], Awaitable[object]]
"""What a call is answered with, as JSON; a KeyError says that there is no such thing."""


@dataclass(frozen=True)
class Compare:
    """What a twin's calls, answers and deliveries are compared with, and where it is from.

    ``refusal`` and ``delivery`` are definitions of the schema: of every answer from 400 on, and of
    the body of every delivery.
    """

    schema: JsonSchema
    calls: Sequence[Call]
    source: str
    refusal: str = ""
    delivery: str = ""


class ShopTwin(TwinBase):
    """Does every action on the shop's books, and tells of it as ``outgoing`` says.

    A twin that lacks an action of the vendor takes it out of ``can``.
    """

    can = ACTIONS

    def __init__(
        self,
        context: StageContext,
        routes: Sequence[BaseRoute],
        *,
        compare: Compare | None = None,
        retries: bool = True,
    ) -> None:
        faults, log = FaultScript(), SchemaLog(compare.source if compare else "")
        app: ASGIApp = Starlette(routes=routes)
        if compare:
            app = Checked(app, compare.schema, compare.calls, compare.refusal, log)
        super().__init__(context, Faulty(app, faults), faults, retries=retries, schema=log)
        self.shop = Shop(context.now)
        self._compare = compare

    def lets_in(self, request: Request) -> bool:
        """Whether the call has the key or token that the vendor asks for."""
        raise NotImplementedError(f"{type(self).__name__}.lets_in: whether a call has its key")

    def route(self, path: str, answer: Answer, method: str = "GET") -> Route:
        """A route for those who are let in; what is not there is 404."""

        async def guarded(request: Request) -> Response:
            if not self.lets_in(request):
                return JSONResponse({"message": "unauthorized"}, 401)
            try:
                return JSONResponse(await answer(request))
            except KeyError:
                return JSONResponse({"message": "no such thing"}, 404)

        return Route(path, guarded, methods=[method], name=f"{method} {path}")

    def row(self, thing: Customer | Sale) -> Mapping[str, Any]:
        """The thing as the vendor shows it."""
        raise NotImplementedError(f"{type(self).__name__}.row: a customer or sale as it is sent")

    def outgoing(self, what: Happening, thing: Customer | Sale) -> Sequence[Outgoing]:
        """What the vendor sends when this has happened; nothing, where it sends nothing."""
        self.row(thing)  # what nobody could read is a fault of the twin at once
        return ()

    def told(self, delivery: Outgoing) -> object:
        """What is compared of a delivery; one that is a form or XML is taken apart here."""
        return json.loads(delivery.body)

    async def catalogue(self) -> Sequence[Item]:
        """Tea and what belongs to it."""
        return self.context.items or CATALOGUE

    async def charged(self, order: str) -> Mapping[int, int]:
        """What is owed for the goods now."""
        return self.shop.sales[order].charged()

    async def register(self, shopper: Shopper) -> str:
        """A new customer."""
        customer = self.shop.register(shopper)
        await self._tell("created", customer)
        return customer.id

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """Another name and address; the card stays."""
        one = self.shop.customers[customer]
        one.shopper = replace(shopper, card=one.shopper.card)
        await self._touch(one)

    async def withdraw(self, customer: str) -> None:
        """The customer leaves."""
        one = self.shop.customers[customer]
        one.state = "left"
        await self._touch(one, "gone")

    async def merge(self, kept: str, gone: str) -> None:
        """One of two records stays, with the points of both."""
        one, other = self.shop.customers[kept], self.shop.customers[gone]
        one.points, other.points = one.points + other.points, 0
        other.state, other.merged_into = "merged", kept
        await self._touch(other)
        await self._touch(one)

    async def adjust(self, customer: str, points: int) -> None:
        """Points are set by hand."""
        one = self.shop.customers[customer]
        one.points = points
        await self._touch(one)

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """Pieces come back."""
        sale = self.shop.sales[order]
        self.shop.refund(sale, sku, quantity)
        await self._tell("changed", sale, mischief)

    async def edit(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """Pieces are taken out."""
        sale = self.shop.sales[order]
        self.shop.edit(sale, sku, quantity)
        await self._tell("changed", sale, mischief)

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """The sale is called off."""
        sale = self.shop.sales[order]
        self.shop.move(sale, "cancelled")
        await self._tell("changed", sale, mischief)

    async def fulfil(self, order: str) -> None:
        """Everything is sent."""
        sale = self.shop.sales[order]
        self.shop.move(sale, "fulfilled")
        await self._tell("changed", sale)

    async def _touch(self, customer: Customer, what: Happening = "changed") -> None:
        self.shop.touch(customer)
        await self._tell(what, customer)

    async def _tell(
        self, what: Happening, thing: Customer | Sale, mischief: Mischief = STRAIGHT
    ) -> None:
        await self._emit(self.outgoing(what, thing), mischief)

    async def _emit(self, outgoing: Sequence[Outgoing], mischief: Mischief) -> None:
        compare = self._compare
        if compare and compare.delivery:
            for one in outgoing:
                problem = compare.schema.problem(compare.delivery, self.told(one))
                self.schema.delivery(problem)
        await self.emitter.emit(outgoing, mischief)


class CartTwin(ShopTwin):
    """A web shop."""

    kind: Literal["cart", "till"] = "cart"

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        """The shopper orders, then pays; both are told of."""
        sale = self.shop.sell(customer, "", items)
        placed = self.outgoing("created", sale)
        self.shop.move(sale, "paid")
        await self._emit([*placed, *self.outgoing("changed", sale)], mischief)
        return sale.id

    async def points_shown(self, customer: str) -> int | None:
        """What the account page shows."""
        return self.shop.customers[customer].points


class TillTwin(ShopTwin):
    """A register in a store that spends its own copy of the points."""

    kind: Literal["cart", "till"] = "till"
    asks_hub = False
    place = ("1", "1")

    async def sell(self, card: str, items: Sequence[Item], points: int, mischief: Mischief) -> str:
        """The cashier scans the card and rings up."""
        holder = self.shop.by_card(card)
        sale = self.shop.sell(holder.id if holder else "", card, items, points)
        sale.state = "fulfilled"
        await self._tell("created", sale, mischief)
        return sale.id

    async def points_shown(self, card: str) -> int | None:
        """What the register shows for the card."""
        holder = self.shop.by_card(card)
        return holder.points if holder else None
