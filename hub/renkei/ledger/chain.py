"""Walking the log in order and hashing it again: numbering, clock and hash chain of each member.

The database spells postings and lots as canonical JSON, which costs a fraction of building objects
for ``entry.hash_of``. The text is the same, byte for byte; a difference would be found at once.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring as quoted
from typing import Any

from renkei.ledger.invariants import CHAIN, CLOCK, NUMBERING, Finding
from renkei.ledger.micros import MICROS
from renkei.ledger.seals import Seals
from renkei.storage.stream import EPOCH

END = 1 << 62
"""Later than every instant."""


def _or_null(value: str) -> str:
    return f"coalesce({value}::text, 'null')"


LOT_FACTS = ", ".join(
    _or_null(value)
    for value in (
        "lot",
        "to_json(origin)",
        "granted",
        MICROS.format("granted_at"),
        MICROS.format("usable_from"),
        MICROS.format("expires_at"),
        "slides_months",
        "to_json(connection_id)",
        "to_json(order_ref)",
        "parent_lot",
        "net_base",
        "yen_value",
        "to_json(company_id)",
        "to_json(store)",
        "to_json(point_type)",
        "CASE cardinality(only_at) WHEN 0 THEN '[]' ELSE array_to_json(only_at)::text END",
    )
)
"""A lot's immutable facts, as ``entry.hash_of`` has them."""

ENTRIES = f"""
WITH moves AS (
  SELECT member_id, version, leg, string_agg('[' || concat_ws(',', lot, d_pending, d_available,
         d_held, d_debt) || ']', ',' ORDER BY n) AS moves
  FROM allocation GROUP BY member_id, version, leg),
legs AS (
  SELECT member_id, version, string_agg('["' || concat_ws('","', rule, source, destination)
         || '",' || amount || ',[' || coalesce(moves, '') || ']]', ',' ORDER BY leg) AS legs
  FROM posting LEFT JOIN moves USING (member_id, version, leg) GROUP BY member_id, version),
made AS (
  SELECT member_id, version,
         string_agg('[' || concat_ws(',', {LOT_FACTS}) || ']', ',' ORDER BY lot) AS lots
  FROM lot GROUP BY member_id, version)
SELECT t.member_id, m.version, m.chain, t.version, c.prev, c.hash, t.kind, t.key, t.program_id,
       t.program_version, t.connection_id, t.order_ref, t.delivery_key,
       t.event_at, t.recorded_at, t.period, t.content::text,
       coalesce(legs.legs, ''), coalesce(made.lots, ''), t.group_root, t.note_digest
FROM txn t LEFT JOIN chain c USING (member_id, version)
  LEFT JOIN legs USING (member_id, version) LEFT JOIN made USING (member_id, version)
  JOIN member m USING (member_id)
{{where}} ORDER BY t.member_id, t.version"""
"""Every transaction in the order of its member's chain, with the member's head."""

UNBOOKED = """
SELECT m.member_id, m.version, m.chain, NULL
FROM member m WHERE NOT EXISTS (SELECT FROM txn t WHERE t.member_id = m.member_id) {where}"""
"""The members without any transaction, in the same columns as far as they go."""


@dataclass
class Walk:
    """The walk through the log, member by member; it remembers only where it stands."""

    seals: Seals = field(default_factory=lambda: Seals(()))
    members: int = 0
    transactions: int = 0
    findings: list[Finding] = field(default_factory=list)
    _member: str = ""
    _head: tuple[int, bytes] = (0, b"")
    _version: int = 0
    _hash: bytes = b""
    _recorded_at: int = 0
    _program: str = ""

    def step(self, rows: Sequence[Any]) -> None:
        """Look at the next rows of ENTRIES, or of UNBOOKED."""
        for row in rows:
            if row[0] != self._member:
                self.end()
                self.members += 1
                self._member, self._head = row[0], row[1:3]
                self._version, self._hash, self._recorded_at, self._program = 0, b"", 0, ""
            if row[3] is not None:
                self._look(row)

    def end(self) -> None:
        """Compare the last transaction of the member with the head."""
        if self._head != (self._version, self._hash):
            self._other_head(*self._head)
        if self.seals:
            self.seals.moved_on(self._program, END, self._member, self._version, self._hash)
            self.seals.next_member()

    def _other_head(self, version: int, head: bytes) -> None:
        if version != self._version:
            last = f"the head is transaction {version}, the last one is {self._version}"
            self._found(NUMBERING, version, last)
        else:
            self._found(CHAIN, version, "the member's head is another")

    def _look(self, row: Any) -> None:
        version, prev, digest, recorded_at = row[3], row[4], row[5], row[14] + EPOCH
        self.transactions += 1
        self._program = row[8]
        if self.seals:
            self.seals.moved_on(row[8], recorded_at, self._member, self._version, self._hash)
        if version != self._version + 1:
            self._found(NUMBERING, self._version + 1, f"missing: {version} comes next")
        if recorded_at < self._recorded_at:
            self._found(CLOCK, version, "recorded before the one that it follows")
        if digest is None:
            self._found(CHAIN, version, "it has no link")
        elif prev != self._hash:
            self._found(CHAIN, version, "it does not follow the one before it")
        elif _hashed(prev, row) != digest:
            self._found(CHAIN, version, "its content does not match its hash")
        self._version, self._hash, self._recorded_at = version, digest or b"", recorded_at

    def _found(self, invariant: str, version: int, detail: str) -> None:
        subject = f"{self._member} transaction {version}"
        self.findings.append(Finding(invariant, subject, detail))


def _hashed(prev: bytes, row: Any) -> bytes | None:
    """None for content that no entry can have: the database keeps what Python cannot read."""
    try:
        return sha256(prev + spelled(row).encode()).digest()
    except (ValueError, TypeError, RecursionError):
        return None


def spelled(row: Any) -> str:
    """The canonical JSON of an entry (``entry.hash_of``), from its row of ENTRIES."""
    member, _, _, version, _, _, kind, key, program, rules, connection, ref = row[:12]
    delivery, event_at, recorded_at, period, content, legs, lots, root, digest = row[12:]
    order = f"[{quoted(connection)},{quoted(ref)}]" if connection is not None else "null"
    sent = quoted(delivery) if delivery is not None else "null"
    note = f'"{digest.hex()}"' if digest is not None else "null"
    return (
        f'{{"content":{_canonical(content)},"delivery":{sent},"event_at":{event_at + EPOCH},'
        f'"key":{quoted(key)},"kind":{quoted(kind)},"lots":[{lots}],'
        f'"member":{quoted(member)},"note":{note},"order":{order},"period":{quoted(period)},'
        f'"postings":[{legs}],"program":[{quoted(program)},{"null" if rules is None else rules}],'
        f'"recorded_at":{recorded_at + EPOCH},"root":{quoted(root)},"version":{version}}}'
    )


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


@lru_cache(maxsize=4_096)
def _canonical(document: str) -> str:
    return _encode(json.loads(document))
