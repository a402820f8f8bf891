"""Settling a restated order: record what was seen, book target minus posted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from renkei.ledger.entry import Cause
from renkei.ledger.settlement import OrderName, Settlement, Target, settle
from renkei.ledger.transaction import Draft, Hold
from renkei.ledger.world import Alert, IdentityKey, Needs, OrderKey, OrderRow, SaleKey
from renkei.loyalty.earn import Evaluation, evaluate_order
from renkei.loyalty.program import Program
from renkei.services.attempt import Attempt, digest_of
from renkei_contracts.order import Order, OrderState, TillKey

Outcome = Literal["settled", "unchanged", "older", "unlinked", "reread", "history", "alias"]


@dataclass(frozen=True)
class SettleAnswer:
    """What came of it. ``earned`` and ``redeemed`` are what is posted for the order now.

    ``reread``: equal vendor clock with other content, so the order must be read from the vendor.
    ``unlinked``: kept, no member is known yet. ``alias``: the same sale as another order.
    """

    outcome: Outcome
    member: str | None = None
    earned: int = 0
    redeemed: int = 0


@dataclass(frozen=True)
class SettleOrder:
    """An order as it is now. ``read_at`` is the start of our read, None for a webhook's body.

    ``identities`` name the member, best proof first; ``member`` overrides them (a till that looked
    the member up). ``hold`` is (member, version) of the hold this sale captures.
    """

    order: Order
    read_at: datetime | None
    delivery_key: str | None
    identities: tuple[IdentityKey, ...] = ()
    member: str | None = None
    hold: tuple[str, int] | None = None
    alert_id: str = ""

    @property
    def key(self) -> OrderKey:
        """(connection, the vendor's order id)."""
        return (self.order.ref.connection, self.order.ref.id)

    def needs(self) -> Needs:
        """The order, its namesakes, and whoever it may belong to."""
        also = {(ref.connection, ref.id) for ref in self.order.same_as}
        return Needs(
            connections=frozenset({self.key[0]}),
            orders=frozenset({self.key} | also),
            sales=frozenset({sale_key(self.key[0], self.order.till)} if self.order.till else ()),
            members=frozenset({self.member} if self.member else ()),
            identities=frozenset(self.identities),
            since=self.order.placed_at,
        )

    def decide(self, attempt: Attempt) -> SettleAnswer:
        """Record the order, then post the difference."""
        row = attempt.world.orders.get(self.key)
        order = self.order
        member = self._member(attempt, row)
        digest = digest_of(content_of(order))
        verdict = compare(row, order.changed_at, digest, self.read_at)
        if verdict == "reread":
            return SettleAnswer("reread", member)
        if verdict == "older" or (verdict == "same" and row and row.member == member):
            return _standing(attempt, self.key, row, "older" if verdict == "older" else "unchanged")
        return self._settle(attempt, row, member, digest)

    def _member(self, attempt: Attempt, row: OrderRow | None) -> str | None:
        """Whom the sale belongs to; what is known is not forgotten by a state that says less."""
        named = self.member or attempt.world.proven(list(self.identities))
        return named or (row.member if row else None)

    def _settle(
        self, attempt: Attempt, row: OrderRow | None, member: str | None, digest: bytes
    ) -> SettleAnswer:
        facts = attempt.world.connections[self.key[0]]
        same = _same_sale(attempt, self.order, self.key, member)
        frozen = _program(attempt, facts.program, self.order, row)
        new = OrderRow(
            key=self.key,
            revision=(row.revision if row else 0) + 1,
            clock=self.order.changed_at,
            read_at=self.read_at,
            digest=digest,
            placed_at=self.order.placed_at,
            customer=self.order.customer.id if self.order.customer else None,
            member=None if same else member,
            same=same,
            program=facts.program if frozen else None,
            program_version=frozen[0] if frozen else None,
            document=self.order.model_dump(mode="json"),
        )
        _record(attempt, row, new, self)
        if same:
            return self._alias(attempt, same)
        if self.order.placed_at < facts.settles_from:
            return SettleAnswer("history", member)
        if row and row.member and row.member != member:
            self._post(attempt, row.member, nothing(frozen, attempt.now), new, None)
        if member is None:
            return SettleAnswer("unlinked")
        evaluation = _evaluation(self.order, frozen)
        target = target_of(self.order, evaluation, frozen, attempt.now, facts.company)
        return self._post(attempt, member, target, new, self._open_hold(attempt, member))

    def _alias(self, attempt: Attempt, same: OrderKey) -> SettleAnswer:
        """Counted where it was seen first; a cancellation told by this one only is for a person."""
        evidence = "natural key or the vendor's own reference"
        attempt.staged.same.append((self.key, same, evidence))
        first = attempt.world.orders.get(same)
        cancelled = first is not None and first.document["state"] == OrderState.CANCELLED
        if self.order.state is OrderState.CANCELLED and not cancelled:
            message = f"{self.key[1]} was cancelled, but {same[1]}, the same sale, was not"
            _alert(attempt, self.alert_id, "same_sale_differs", None, self.key, message)
        return SettleAnswer("alias", first.member if first else None)

    def _open_hold(self, attempt: Attempt, member: str) -> Hold | None:
        if self.hold is None or self.hold[0] != member:
            return None
        open_holds = attempt.books_of(member).holds
        named = (self.hold[1], self.key[0])
        return next((one for one in open_holds if (one.version, one.connection) == named), None)

    def _post(
        self, attempt: Attempt, member: str, target: Target, row: OrderRow, hold: Hold | None
    ) -> SettleAnswer:
        books = attempt.books_of(member)
        event_at = target.event_at if row.revision == 1 else min(row.clock, attempt.now)
        draft = Draft(books, event_at)
        before = attempt.settled_of(member, self.key)
        work = settle(draft, before, OrderName(*self.key), target, attempt.now, hold)
        cause = Cause(
            kind="settle",
            key=f"{self.key[0]}/{self.key[1]}#{row.revision}",
            program_version=row.program_version,
            order=self.key,
            delivery=self.delivery_key,
            reasons=target.reasons,
        )
        entry = attempt.enter(draft, cause)
        if entry and work.captured:
            attempt.end_hold(member, work.captured[0], entry, "captured", work.captured[1])
        if work.settled != before:
            attempt.staged.settled[member, self.key] = work.settled
        self._warn(attempt, member, draft)
        return _answer("settled", member, work)

    def _warn(self, attempt: Attempt, member: str, draft: Draft) -> None:
        if draft.debt < draft.books.debt:
            message = f"{draft.books.debt - draft.debt} points were missing and became debt"
            _alert(attempt, self.alert_id, "overdraft", member, self.key, message)


def compare(
    row: OrderRow | None, clock: datetime, digest: bytes, read_at: datetime | None
) -> Literal["new", "newer", "same", "older", "reread"]:
    """How a state seen now stands to the one kept, by the vendor's clock and our reads."""
    if row is None:
        return "new"
    if clock != row.clock:
        return "newer" if clock > row.clock else "older"
    if digest == row.digest:
        return "same"
    read_later = read_at is not None and (row.read_at is None or read_at >= row.read_at)
    return "newer" if read_later else "reread"


def content_of(order: Order) -> Mapping[str, Any]:
    """What makes two states of an order different: everything but the vendor's clock."""
    return order.model_dump(mode="json", exclude={"changed_at"})


def sale_key(connection: str, till: TillKey) -> SaleKey:
    """The natural key as the books keep it."""
    day, count = till.business_date, till.settlement_count
    return (connection, till.store, till.till, day, count, till.receipt_number)


def nothing(frozen: tuple[int, Program] | None, now: datetime) -> Target:
    """The target of an order that is somebody else's now."""
    rules = frozen[1] if frozen else Program()
    return Target(0, 0, 0, now, now, None, rules.restored_until(now), reasons=("moved",))


def target_of(
    order: Order,
    evaluation: Evaluation,
    frozen: tuple[int, Program] | None,
    now: datetime,
    company: str,
) -> Target:
    """The target from the evaluation, with its dates. A vendor's clock may be ahead of ours."""
    rules = frozen[1] if frozen else Program()
    happened = min(order.placed_at, now)
    return Target(
        earned=evaluation.earned,
        confirmed=evaluation.confirmed,
        redeemed=evaluation.redeemed,
        event_at=happened,
        usable_from=rules.usable_from(happened),
        expires_at=rules.expires_at(happened),
        restored_until=rules.restored_until(now),
        net_base=evaluation.base,
        yen_per_point=rules.yen_per_point,
        store=order.location or (order.till.store if order.till else None),
        company=company,
        reasons=evaluation.reasons,
    )


def _evaluation(order: Order, frozen: tuple[int, Program] | None) -> Evaluation:
    if frozen is None:
        reason = "no program version was in force when it was placed"
        used = 0 if order.state is OrderState.CANCELLED else order.points_used
        return Evaluation(0, 0, used, 0, (), (reason,))
    return evaluate_order(order, frozen[1])


def _program(
    attempt: Attempt, program: str, order: Order, row: OrderRow | None
) -> tuple[int, Program] | None:
    """The version of the first evaluation; at the first, the one in force when it was placed."""
    if row and row.program and row.program_version:
        version = row.program_version
        return version, attempt.program_version(row.program, version)
    return attempt.program_in_force(program, order.placed_at)


def _same_sale(
    attempt: Attempt, order: Order, key: OrderKey, member: str | None
) -> OrderKey | None:
    """The order at which this sale is counted, if that is another one."""
    for ref in order.same_as:
        other = attempt.world.orders.get((ref.connection, ref.id))
        if other is not None and other.same is None and other.key != key:
            return other.key
    return _same_natural_key(attempt, order, key, member) if order.till is not None else None


def _same_natural_key(
    attempt: Attempt, order: Order, key: OrderKey, member: str | None
) -> OrderKey | None:
    """A sale is counted where it was seen first, or where its member is known.

    A poll may see a sale, without a member, before the register commits it with one.
    """
    assert order.till is not None
    natural = sale_key(key[0], order.till)
    first_ref = attempt.world.sales.get(natural)
    if first_ref is None:
        attempt.staged.sales[natural] = key[1]
        return None
    first = attempt.world.orders.get((key[0], first_ref))
    if first is None or first.same == key:
        return None
    if first.key == key:
        return first.same
    if first.same is None and first.member is None and member is not None:
        attempt.staged.orders[first.key] = replace(first, same=key)
        attempt.staged.same.append((first.key, key, "natural key; its member became known"))
        return None
    return first.same or first.key


def _record(attempt: Attempt, row: OrderRow | None, new: OrderRow, command: SettleOrder) -> None:
    """Keep the state; a newer clock with the same content is no new revision."""
    if row is not None and row.digest == new.digest:
        new = replace(new, revision=row.revision)
    else:
        attempt.staged.revisions.append((new, command.delivery_key))
    attempt.staged.orders[new.key] = new


def _standing(
    attempt: Attempt, key: OrderKey, row: OrderRow | None, outcome: Outcome
) -> SettleAnswer:
    """What is posted already."""
    member = row.member if row else None
    settled = attempt.settled_of(member or "", key)
    return SettleAnswer(outcome, member, settled.earned, settled.redeemed)


def _answer(outcome: Outcome, member: str, work: Settlement) -> SettleAnswer:
    return SettleAnswer(outcome, member, work.settled.earned, work.settled.redeemed)


def _alert(
    attempt: Attempt, id: str, kind: str, member: str | None, order: OrderKey, message: str
) -> None:
    number = f"{id}.{len(attempt.staged.alerts)}"
    attempt.staged.alerts.append(Alert(number, kind, member, order, message))
