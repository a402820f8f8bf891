"""What was known of the members of stored sales, for a draft that is tried on many of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from renkei.ledger.groups import root_of
from renkei.ledger.past import Past, PastSale
from renkei.loyalty.member import Kept, facts_at
from renkei.loyalty.program import Program
from renkei.loyalty.tiers import Tiers, looks_back

MEMBERS = """
SELECT m.member_id, m.merged_into, coalesce(p.birthday, ''),
  (SELECT min(o.placed_at) FROM orders o
   WHERE o.member_id = m.member_id AND o.spent > 0 AND o.doubt_connection IS NULL)
FROM member m LEFT JOIN member_profile p USING (member_id) WHERE m.program_id = :id"""

SALES = """
SELECT o.member_id, o.placed_at, o.spent, coalesce(s.earned, 0)
FROM orders o JOIN member m ON m.member_id = o.member_id AND m.program_id = :id
LEFT JOIN settled s ON (s.member_id, s.connection_id, s.order_ref)
  = (o.member_id, o.connection_id, o.order_ref)
WHERE o.placed_at >= :since AND o.spent > 0 AND o.doubt_connection IS NULL"""

VERSIONS = "SELECT version, document FROM program_version WHERE program_id = :id"


@dataclass
class StoredMembers:
    """The members of a program with their sales; empty where the draft asks for nothing.

    ``firsts``, ``sales`` and ``birthdays`` are by the member who stands for the group; ``tiers``
    are those of each published version.
    """

    draft: Program
    roots: dict[str, str] = field(default_factory=dict)
    firsts: dict[str, datetime] = field(default_factory=dict)
    sales: dict[str, list[PastSale]] = field(default_factory=dict)
    birthdays: dict[str, str] = field(default_factory=dict)
    tiers: Mapping[int, Tiers] = field(default_factory=dict)

    def kept(self, member: str, at: datetime, facts: Kept | None, version: int | None) -> Kept:
        """What the sale has kept of its member, and of what it has not, what is known now.

        A tier is kept only under the same tiers: others make another tier of the same sales.
        """
        asked = self.draft.asks_of_members
        if not asked:
            return {}
        kept = dict(facts) if facts and facts.get("member") == member else {}
        if self.tiers.get(version or 0) != self.draft.tiers:
            kept.pop("tier", None)
        if asked <= kept.keys():
            return kept
        return {**facts_at(self.draft, self._past(member, at), at), **kept}

    def _past(self, member: str, at: datetime) -> Past:
        root = self.roots.get(member, member)
        first = self.firsts.get(root)
        return Past(
            first_at=first if first is not None and first < at else None,
            sales=tuple(self.sales.get(root, ())),
            birthday=self.birthdays.get(root, ""),
        )


async def read_members(conn: AsyncConnection, draft: Program, since: datetime) -> StoredMembers:
    """Everything the draft may ask of the members of sales placed since."""
    found = StoredMembers(draft)
    if not draft.asks_of_members:
        return found
    values: dict[str, Any] = {"id": draft.id}
    members = (await conn.execute(text(MEMBERS), values)).all()
    merged = {row[0]: row[1] for row in members}
    found.roots = {member: root_of(member, merged) for member in merged}
    for member, _, birthday, first in members:
        root = found.roots[member]
        if birthday:
            found.birthdays.setdefault(root, birthday)
        if first is not None:
            found.firsts[root] = min(first, found.firsts.get(root, first))
    values["since"] = looks_back(draft.tiers, since, draft.clock)
    for member, at, yen, points in await conn.execute(text(SALES), values):
        found.sales.setdefault(found.roots[member], []).append(PastSale(at, yen, points))
    versions = await conn.execute(text(VERSIONS), {"id": draft.id})
    found.tiers = {version: Program.model_validate(rules).tiers for version, rules in versions}
    return found
