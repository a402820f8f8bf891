"""What a basket earns and may use, and why."""

from dataclasses import replace
from datetime import datetime

from renkei.ledger.read_past import read_past
from renkei.loyalty.context import Facts
from renkei.loyalty.coupon import per_rate
from renkei.loyalty.earn import coupons_off, evaluate_order, still_sold
from renkei.loyalty.member import Kept, facts_at
from renkei.loyalty.program import Program
from renkei.loyalty.redeem import max_usable
from renkei.services.booking import Booking
from renkei.services.circumstances import in_place, read_circumstances
from renkei.services.members.member_facts import past_asked
from renkei.services.points.member_coupons import Found, Tried, coupons_named, quoted, tried
from renkei.services.target import facts_of_a_member
from renkei.services.till.till_terminal import Terminal, TillRules, balance_there, rules_there
from renkei_contracts.ids import ExternalRef
from renkei_contracts.order import Order, OrderState
from renkei_contracts.till import QuoteAnswer, QuoteRequest, RateTotal


async def quote(booking: Booking, terminal: Terminal, ask: QuoteRequest) -> QuoteAnswer:
    """What this basket earns and may use, as its sale would; binds nobody.

    What campaigns with a budget give may be less by then.
    """
    rules = await rules_there(booking, terminal)
    spendable, seen = 0, None
    homes: tuple[str, ...] = ()
    if ask.member is not None:
        _, balance, homes = await balance_there(booking, terminal, ask.member)
        spendable, seen = balance.balance.spendable, balance.balance.version
    coupons = await _tried(booking, terminal, ask, homes, rules.now)
    sale = _as_sold(terminal, ask, tuple(coupons.usable), rules)
    facts = await _facts(booking, ask.member, sale, rules)
    facts = replace(facts, coupons=coupons.usable) if coupons.usable else facts
    off = per_rate(coupons_off(sale, rules.program, facts)) if sale.coupons else {}
    most = max_usable(ask.lines, spendable, rules.program, off)
    used = max_usable(ask.lines, min(ask.points_wanted, spendable), rules.program, off)
    basket = evaluate_order(_paying(sale, used, rules.program), rules.program, facts)
    return QuoteAnswer(
        earns=basket.earned,
        max_usable=most,
        points_used=used,
        total=sum(rate.total for rate in basket.rates),
        rates=tuple(RateTotal(**rate._asdict()) for rate in basket.rates),
        ships_free=rules.program.shipping.is_free(still_sold(sale, basket), pickup=ask.pickup),
        program=rules.program.id,
        program_version=rules.version,
        balance_version=seen,
        coupons=quoted(ask.coupons, coupons, basket),
        reasons=basket.reasons,
    )


async def _tried(
    booking: Booking, terminal: Terminal, ask: QuoteRequest, homes: tuple[str, ...], now: datetime
) -> Tried:
    """Which of the asked coupons this register could use now."""
    found: list[Found] = []
    if ask.coupons:
        async with booking.database.begin() as conn:
            found = await coupons_named(conn, ask.coupons)
    return tried(found, ask.coupons, homes, terminal.channel, terminal.holder, now)


async def _facts(booking: Booking, member: str | None, sale: Order, rules: TillRules) -> Facts:
    """What is known besides the sale, as it would be judged by it."""
    facts = await _of_the_member(booking, member, sale, rules)
    if not (rules.program.asks_for_places or rules.products):
        return facts
    async with booking.database.begin() as conn:
        found = await read_circumstances(conn, [sale], rules.program, products=rules.products)
    return in_place(facts, sale, rules.program, *found)


async def _of_the_member(
    booking: Booking, member: str | None, sale: Order, rules: TillRules
) -> Facts:
    if member is None:
        return Facts(company=rules.company)
    kept: Kept = {}
    if rules.program.asks_of_members:
        asked = past_asked(rules.program, member, sale)
        async with booking.database.begin() as conn:
            past = await read_past(conn, asked)
        kept = facts_at(rules.program, past, sale.placed_at)
    return facts_of_a_member(rules.company, kept)


def _as_sold(
    terminal: Terminal, ask: QuoteRequest, coupons: tuple[str, ...], rules: TillRules
) -> Order:
    """The basket as the sale it would be, before points."""
    return Order(
        ref=ExternalRef(connection=terminal.connection, id="quote"),
        changed_at=rules.now,
        placed_at=rules.now,
        state=OrderState.FULFILLED,
        lines=ask.lines,
        coupons=coupons,
        tenders=ask.tenders,
        location=terminal.store,
        pickup=ask.pickup,
    )


def _paying(sale: Order, points: int, program: Program) -> Order:
    """The sale when these points are used."""
    value = points * program.redeem.yen_per_point
    return sale.model_copy(update={"points_used": points, "points_value": value})
