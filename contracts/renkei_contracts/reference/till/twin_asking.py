"""A register that asks: whose card, how many points, hold them, and tell the finished sale."""

from collections.abc import Sequence

from renkei_contracts.order import LineItem, Tender, TillKey
from renkei_contracts.reference.till.twin_pos import REGISTER, STORE, PosLine, PosSale
from renkei_contracts.stage import Item
from renkei_contracts.till import CommitRequest, HoldRequest, QuoteRequest
from renkei_contracts.toolkit.japanese import JST
from renkei_contracts.twin.hub_client import HubClient, HubRefused


class Asking:
    """The register's line to the hub, and whom it has found for which sale."""

    def __init__(self, hub: HubClient) -> None:
        self._hub = hub
        self._holds = 0
        self._members: dict[str, str] = {}

    async def member_of(self, card: str) -> str:
        """The hub's member; raises HubRefused for a card that it does not know."""
        found = await self._hub.resolve(card)
        if found is None:
            raise HubRefused("members:resolve", "member_not_found")
        return found.member

    async def points_shown(self, card: str) -> int | None:
        """What the display shows."""
        found = await self._hub.resolve(card)
        return None if found is None else found.spendable

    async def hold(self, member: str, items: Sequence[Item], points: int) -> str:
        """Ask whether the basket may use these points, and set them aside; the hold's name."""
        lines = tuple(_line(PosLine(number, item)) for number, item in enumerate(items, 1))
        ask = QuoteRequest(member=member, lines=lines, points_wanted=points)
        if (await self._hub.quote(ask)).points_used < points:
            raise HubRefused("quotes", "insufficient_points")
        self._holds += 1
        key = f"{STORE}/{REGISTER}/{self._holds}"
        return (await self._hub.hold(HoldRequest(key=key, member=member, points=points))).hold

    def belongs(self, sale: PosSale, member: str) -> None:
        """Remember whose sale it is."""
        self._members[sale.id] = member

    async def tell(self, sale: PosSale, times: int) -> None:
        """Tell the sale as it is now; told again, it must be answered the same."""
        commit = commit_of(sale, self._members.get(sale.id))
        first = await self._hub.commit(commit)
        for _ in range(1, times):
            if await self._hub.commit(commit) != first:
                raise HubRefused("transactions", "the same commit was answered otherwise")


def commit_of(sale: PosSale, member: str | None) -> CommitRequest:
    """The sale as a poll will find it: same key, lines and tenders."""
    return CommitRequest(
        sale=TillKey(
            store=STORE,
            till=REGISTER,
            business_date=sale.sold_at.astimezone(JST).date(),
            receipt_number=sale.receipt,
        ),
        revision=sale.revision,
        sold_at=sale.sold_at,
        member=member,
        hold=sale.hold,
        points_used=sale.points_used,
        lines=tuple(_line(line) for line in sale.lines),
        tenders=(Tender(kind="cash", amount=sale.owed - sale.points_used),),
        # The receipt is printed: it is a fact before the hub hears of it.
        occurred=True,
        voided=sale.status == "voided",
    )


def _line(line: PosLine) -> LineItem:
    item = line.item
    return LineItem(
        id=str(line.number),
        sku=item.sku,
        title=item.title,
        quantity=item.quantity,
        amount=item.yen * item.quantity,
        tax_rate=item.tax_rate,
        returned_quantity=line.returned,
        returned_amount=item.yen * line.returned,
    )
