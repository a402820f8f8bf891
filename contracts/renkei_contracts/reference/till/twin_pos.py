"""The twin's shop: members, their points and sales as the register keeps them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from renkei_contracts.stage import Item, Shopper
from renkei_contracts.toolkit.japanese import JST

SECOND = timedelta(seconds=1)

STORE, REGISTER = "main", "1"

CATALOGUE = (
    Item("YOKAN-01", "羊羹", 1, 2_160, 800),
    Item("CHA-01", "緑茶", 1, 1_080, 800),
    Item("KYUSU-01", "急須", 1, 11_000, 1000),
    Item("YUNOMI-01", "湯呑み", 1, 4_400, 1000),
)


class Refused(Exception):
    """What the vendor answers 422 to; the text is its reason."""


class Taken(Exception):
    """What the vendor answers 409 to: the card is another member's."""


@dataclass
class PosMember:
    """A member's record."""

    id: str
    card: str
    family_name: str
    given_name: str
    email: str
    updated_at: datetime
    status: str = "active"
    merged_into: str | None = None
    points: int = 0


@dataclass
class PosLine:
    """A line; ``item`` is as it was sold, less what was taken out of the sale since."""

    number: int
    item: Item
    returned: int = 0

    @property
    def left(self) -> int:
        """Pieces that the buyer still has."""
        return self.item.quantity - self.returned


@dataclass
class PosSale:
    """A sale; ``revision`` counts its states."""

    id: str
    receipt: str
    member: PosMember | None
    card: str
    sold_at: datetime
    updated_at: datetime
    lines: list[PosLine]
    points_used: int
    hold: str | None
    status: str = "closed"
    revision: int = 1

    @property
    def owed(self) -> int:
        """Yen for what is left of the goods, before points."""
        if self.status == "voided":
            return 0
        return sum(line.item.yen * line.left for line in self.lines)


@dataclass
class Pos:
    """One shop. Times have whole seconds, and those of one object never repeat.

    ``keeps_copy``: the register spends its own copy of the points.
    """

    now: Callable[[], datetime]
    keeps_copy: bool = True
    points_per_100_yen: int = 0
    members: dict[str, PosMember] = field(default_factory=dict)
    sales: dict[str, PosSale] = field(default_factory=dict)

    def clock(self) -> datetime:
        """Now, in whole seconds."""
        return self.now().astimezone(UTC).replace(microsecond=0)

    def by_card(self, card: str) -> PosMember | None:
        """The member who holds the card."""
        held = [one for one in self.members.values() if one.status == "active"]
        return next((one for one in held if card and one.card == card), None)

    def register(self, shopper: Shopper) -> PosMember:
        """A new member; raises Taken."""
        if self.by_card(shopper.card):
            raise Taken(shopper.card)
        id = f"M{len(self.members) + 1}"
        names = (shopper.family_name, shopper.given_name, shopper.email)
        self.members[id] = PosMember(id, shopper.card, *names, self.clock())
        return self.members[id]

    def change_points(self, id: str, change: int) -> PosMember:
        """Points given or taken; raises Refused where there are fewer."""
        member = self.members[id]
        if member.points + change < 0:
            raise Refused(f"the member has {member.points} points")
        member.points += change
        self.touch(member)
        return member

    def merge(self, kept: str, gone: str) -> None:
        """Two records become one."""
        into, away = self.members[kept], self.members[gone]
        into.points, away.points = into.points + away.points, 0
        away.status, away.merged_into = "merged", kept
        self.touch(into)
        self.touch(away)

    def sell(
        self, items: Sequence[Item], card: str, points: int = 0, hold: str | None = None
    ) -> PosSale:
        """A sale; its points are taken from the register's copy where it spends that."""
        id = f"S{len(self.sales) + 1}"
        lines = [PosLine(number, item) for number, item in enumerate(items, 1)]
        at, member = self.clock(), self.by_card(card)
        sale = PosSale(id, id[1:].zfill(4), member, card, at, at, lines, points, hold)
        if points > sale.owed:
            raise Refused(f"{points} points for {sale.owed} yen")
        self._spend(sale, points)
        self.sales[id] = sale
        return sale

    def give_back(self, id: str, sku: str, quantity: int) -> PosSale:
        """Pieces come back; their money goes, and points that paid more than is left."""
        sale = self.sales[id]
        line = _line_of(sale, sku, quantity)
        line.returned += quantity
        return self._restated(sale)

    def take_out(self, id: str, sku: str, quantity: int) -> PosSale:
        """Pieces are taken out of the sale, as if they had never been in it."""
        sale = self.sales[id]
        line = _line_of(sale, sku, quantity)
        line.item = replace(line.item, quantity=line.item.quantity - quantity)
        return self._restated(sale)

    def void(self, id: str) -> PosSale:
        """The whole sale is undone."""
        self.sales[id].status = "voided"
        return self._restated(self.sales[id])

    def touch(self, thing: PosMember | PosSale) -> None:
        """Something changed: a later second than before, even within the same second."""
        thing.updated_at = max(self.clock(), thing.updated_at + SECOND)

    def _restated(self, sale: PosSale) -> PosSale:
        kept = min(sale.points_used, sale.owed)
        self._spend(sale, kept - sale.points_used)
        sale.points_used = kept
        sale.revision += 1
        self.touch(sale)
        return sale

    def _spend(self, sale: PosSale, points: int) -> None:
        if sale.member and points and self.keeps_copy:
            self.change_points(sale.member.id, -points)


def _line_of(sale: PosSale, sku: str, quantity: int) -> PosLine:
    for line in sale.lines:
        if line.item.sku == sku and line.left >= quantity and sale.status == "closed":
            return line
    raise ValueError(f"sale {sale.id} has no {quantity} pieces of {sku} left")


def owed_by_rate(sale: PosSale) -> dict[int, int]:
    """What the buyer owes for the goods, by tax rate in basis points."""
    owed: dict[int, int] = {}
    for line in sale.lines if sale.status == "closed" else ():
        owed[line.item.tax_rate] = owed.get(line.item.tax_rate, 0) + line.item.yen * line.left
    return {rate: yen for rate, yen in owed.items() if yen}


def sale_row(sale: PosSale) -> dict[str, Any]:
    """The sale as the API gives it."""
    return {
        "id": sale.id,
        "store": STORE,
        "register_no": REGISTER,
        "business_date": sale.sold_at.astimezone(JST).date().isoformat(),
        "settlement": 0,
        "receipt": sale.receipt,
        "sold_at": moment(sale.sold_at),
        "updated_at": moment(sale.updated_at),
        "status": sale.status,
        "member": sale.member.id if sale.member else None,
        "card": sale.card or None,
        "points_used": sale.points_used,
        "hold": sale.hold,
        "lines": [_line_row(line) for line in sale.lines],
        "payments": [{"kind": "cash", "amount": sale.owed - sale.points_used}],
    }


def _line_row(line: PosLine) -> dict[str, Any]:
    return {
        "number": line.number,
        "sku": line.item.sku,
        "title": line.item.title,
        "quantity": line.item.quantity,
        "amount": line.item.yen * line.item.quantity,
        "tax_percent": line.item.tax_rate // 100,
        "returned": line.returned,
        "returned_amount": line.item.yen * line.returned,
    }


def member_row(member: PosMember) -> dict[str, Any]:
    """The member as the API gives it."""
    return {
        "id": member.id,
        "card": member.card,
        "family_name": member.family_name,
        "given_name": member.given_name,
        "email": member.email or None,
        "status": member.status,
        "merged_into": member.merged_into,
        "points": member.points,
        "updated_at": moment(member.updated_at),
    }


def moment(at: datetime) -> str:
    """Japanese time."""
    return at.astimezone(JST).isoformat()


def place_of(thing: PosMember | PosSale) -> tuple[datetime, int]:
    """Where it stands in the order of changes."""
    return thing.updated_at, int(thing.id[1:])


def after(things: Iterable[Any], cursor: str) -> list[Any]:
    """What stands behind the cursor."""
    at, _, number = cursor.partition("~")
    return [one for one in things if place_of(one) > (datetime.fromisoformat(at), int(number))]


def cursor_of(thing: PosMember | PosSale) -> str:
    """The cursor that stands right behind it."""
    at, number = place_of(thing)
    return f"{moment(at)}~{number}"
