"""Who calls, for many requests at once: registers that poll come by the hundreds a second.

Whether a credential counts is asked of the database each time, so that whoever is disabled is out
at once. Its secret never changes under its key id: once opened it is kept in memory.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from renkei.services.till.feed_head import FeedHead
from renkei.services.till.terminals import ANY_TILL, TerminalAccess
from renkei.services.till.till_terminal import Terminal
from renkei.storage.committer import AnsweringTogether, GroupCommitter
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei.storage.trip import Statement, as_json, travel

MOST_SECRETS = 50_000
"""Kept at a time; above that all are forgotten, and opened again as they are needed."""

LIVE = """
WITH asked AS (
  SELECT n, key, nonce, at FROM json_to_recordset(CAST(:p AS json))
    AS x(n int, key text, nonce text, at timestamptz)),
live AS (
  SELECT a.n, a.key, a.nonce, a.at, t.terminal_id, t.connection_id, t.store, t.till, c.secret,
         c.scopes, c.static_from
  FROM asked a JOIN terminal_credential c ON c.key_id = a.key
  JOIN terminal t ON t.terminal_id = c.terminal_id
  WHERE t.disabled_at IS NULL AND c.valid_from <= a.at
    AND (c.valid_until IS NULL OR c.valid_until > a.at)),
kept AS (
  INSERT INTO terminal_nonce (key_id, nonce, seen_at)
  SELECT key, nonce, min(at) FROM live WHERE nonce IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT DO NOTHING RETURNING key_id, nonce)
SELECT l.n, l.terminal_id, l.connection_id, l.store, l.till, l.secret, l.scopes,
       ARRAY(SELECT one::text FROM unnest(l.static_from) AS one), k.nonce
FROM live l LEFT JOIN kept k ON (k.key_id, k.nonce) = (l.key, l.nonce) ORDER BY l.n"""


UNWAITED = Statement("SET LOCAL synchronous_commit = off")
"""A nonce need not be on the disk before its request goes on: each call would wait for the disk
twice. If the database server crashes, it may forget the nonces of its last second. A request of
that second which somebody repeats within five minutes is then answered as a till's own repetition
is, and books nothing (docs/adr/0021)."""


class Caller(NamedTuple):
    """A key that shows up at this instant; a nonce is kept with it if the key counts."""

    key_id: str
    at: datetime
    nonce: str | None = None


class Known(NamedTuple):
    """What the key gives access to, and whether its nonce came for the first time."""

    access: TerminalAccess
    nonce_is_new: bool


class Callers(AnsweringTogether):
    """Looks credentials up. Use it as an async context manager.

    ``feed_head`` comes along on each trip: of those who call by the hundreds most poll the feed.
    """

    def __init__(self, database: Database, ring: KeyRing, feed_head: FeedHead) -> None:
        self._ring, self._feed_head = ring, feed_head
        self._secrets: dict[str, str] = {}
        self._together: GroupCommitter[Caller, Known | None] = GroupCommitter(database, self._look)

    async def secret_of(self, key_id: str, at: datetime) -> str | None:
        """The key's secret; None when nobody has it. Whether it still counts is not said."""
        if key_id not in self._secrets:
            await self.access_by(key_id, at)
        return self._secrets.get(key_id)

    async def access_by(self, key_id: str, at: datetime) -> TerminalAccess | None:
        """What the key gives access to now; None when it is unknown, over or disabled."""
        known = await self._together.submit(Caller(key_id, at))
        return known.access if known else None

    async def access_once(self, key_id: str, nonce: str, at: datetime) -> Known | None:
        """The same, with the nonce kept. Only for whoever has proven that they hold the secret."""
        return await self._together.submit(Caller(key_id, at, nonce))

    async def _look(self, database: Database, callers: Sequence[Caller]) -> "list[Known | None]":
        asked = [
            {"n": n, "key": one.key_id, "nonce": one.nonce, "at": one.at}
            for n, one in enumerate(callers)
        ]
        statement, take = self._feed_head.asked()
        statements = [UNWAITED, Statement(LIVE, {"p": as_json(asked)}), statement]
        async with database.begin_batch() as conn:
            _, found, head = await travel(conn, statements, commit=True)
        take(head.rows)
        answers: list[Known | None] = [None] * len(callers)
        taken: set[tuple[str, str]] = set()
        for row in found.rows:
            caller = callers[row[0]]
            name = (caller.key_id, caller.nonce or "")
            answers[row[0]] = Known(self._access(caller.key_id, row), self._new(row, name, taken))
        return answers

    def _new(self, row: Any, name: tuple[str, str], taken: set[tuple[str, str]]) -> bool:
        """Of two in one batch with the same nonce the first is new."""
        new = row[8] is not None and name not in taken
        taken.add(name)
        return new

    def _access(self, key_id: str, row: Any) -> TerminalAccess:
        scopes = tuple(row[6])
        return TerminalAccess(
            key_id,
            Terminal(*row[1:5]),
            self._opened(key_id, row[5]),
            scopes,
            tuple(row[7]),
            gateway=ANY_TILL in scopes,
        )

    def _opened(self, key_id: str, sealed: bytes) -> str:
        if key_id not in self._secrets:
            if len(self._secrets) >= MOST_SECRETS:
                self._secrets.clear()
            self._secrets[key_id] = self._ring.open(bytes(sealed), f"terminal/{key_id}").decode()
        return self._secrets[key_id]
