"""An order as it is now, with what was told beside it, and what settling it needs."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from renkei.ledger.allowances import Allowance
from renkei.ledger.books import HoldName
from renkei.ledger.keys import IdentityKey, OrderKey
from renkei.ledger.world import Known, Needs, Sighting
from renkei.services.circumstances import codes_asked, places_asked
from renkei.services.members.member_facts import pasts_asked
from renkei.services.orders.budgets import claims_for
from renkei.services.orders.order_coupons import coupon_needs
from renkei.services.orders.order_holds import claimed
from renkei.services.orders.same_sale import sale_key, total_of
from renkei.services.orders.seen_order import names_of
from renkei.services.target import rules_known
from renkei_contracts.order import Order


@dataclass(frozen=True)
class RestatedOrder:
    """An order as it is now. ``read_at`` is the start of our read, None for a webhook's body.

    ``identities`` name the member, best proof first; ``member`` overrides them (a till that looked
    the member up). ``hold`` is a hold this sale captures, beside those the order claims itself;
    ``allowance`` is what it was paid from offline, ``payer`` whose code it was paid with.
    ``happened_at`` is when the change happened in the shop, where that is told apart from the
    vendor's clock. ``again``: this is no new sighting, and where the sale is counted is known.
    ``request``: the sale might have been
    refused still, so that it uses only what can be spent now. ``alert_id`` is an id nobody can
    guess: alerts are named by it, and the codes of coupons drawn from it.
    """

    order: Order
    read_at: datetime | None
    delivery_key: str | None
    identities: tuple[IdentityKey, ...] = ()
    member: str | None = None
    hold: HoldName | None = None
    alert_id: str = ""
    happened_at: datetime | None = None
    again: bool = False
    request: bool = False
    allowance: Allowance | None = None
    payer: str | None = None

    @cached_property
    def key(self) -> OrderKey:
        """(connection, the vendor's order id)."""
        return (self.order.ref.connection, self.order.ref.id)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The order as it is kept."""
        return self.order.model_dump(mode="json")

    @cached_property
    def holds_named(self) -> tuple[HoldName, ...]:
        """Holds it is paid from, as far as it names them."""
        return claimed(self.order, self.hold)

    @cached_property
    def total(self) -> int:
        """What the sale comes to in yen."""
        return total_of(self.order)

    def needs(self) -> Needs:
        """The order, its namesakes, and whoever it may belong to."""
        return self._needs

    @cached_property
    def _needs(self) -> Needs:
        also = {(ref.connection, ref.id) for ref in self.order.same_as}
        return Needs(
            connections=frozenset({self.key[0]} | {connection for connection, _ in also}),
            orders=frozenset({*names_of(self.order), *also}),
            sales=frozenset({sale_key(self.key[0], self.order.till)} if self.order.till else ()),
            members=frozenset(one for one in (self.member, self.payer) if one),
            identities=frozenset(self.identities),
            holds=frozenset(self.holds_named),
            coupons=frozenset(self.order.coupons),
            sightings=frozenset({Sighting(self.key[0], self.total, self.order.placed_at)}),
            since=self.order.placed_at,
        )

    def further(self, known: Known) -> Needs:
        """Quotas of campaigns that may give this order something, and what its rules speak of."""
        facts, row = known.connections.get(self.key[0]), known.orders.get(self.key)
        rules = rules_known(known, facts.program, self.order, row) if facts else None
        # Whoever settles an order that was seen before names it, and not where its refunds are.
        places = frozenset(names_of(self.order)[1:])
        if facts is None or rules is None:
            return Needs(orders=places)
        named = (known.identities.get(key, ("", "")) for key in self.identities)
        members = {self.member, self.payer, row.member if row else None}
        members |= {member for member, _ in named}
        claims = {
            claim for member in members - {""} for claim in claims_for(self.order, rules, member)
        }
        needs = Needs(
            orders=places,
            claims=frozenset(claims),
            places=places_asked(self.order, rules),
            products=codes_asked(self.order, rules) if facts.products else frozenset(),
            pasts=pasts_asked(self.order, rules, row, [one for one in members if one]),
        )
        also = coupon_needs(self.order, rules, row, filter(None, members))
        return needs if also is None else needs | also
