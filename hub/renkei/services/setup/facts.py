"""Facts: who stated what, for which place and day. What was stated first stays for ever."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from sqlalchemy import text

from renkei.errors import RequestInvalid, UnknownConnection
from renkei.storage.engine import Database
from renkei_contracts.base import Canonical, Key, Slug, Text

HEADINGS = {"名前": "name", "地域": "area", "店舗": "store", "日付": "day", "値": "value"}
"""What the columns are called in Japanese, folded."""

STATE = """
INSERT INTO fact (place, day, name, value, source, stated_at)
SELECT place, day, name, value, source, clock_timestamp()
FROM json_to_recordset(CAST(:rows AS json))
  AS x(place text, day date, name text, value bool, source text)
ORDER BY place, day, name ON CONFLICT DO NOTHING"""

KEPT = """
SELECT f.place, f.day, f.name, f.value, f.source, f.stated_at
FROM json_to_recordset(CAST(:rows AS json)) AS x(place text, day date, name text)
JOIN fact f USING (place, day, name) ORDER BY 2, 1, 3"""

LISTED = """
SELECT place, day, name, value, source, stated_at FROM fact
WHERE day >= :since ORDER BY day, place, name LIMIT :most"""

CONNECTION = "SELECT 1 FROM connection WHERE connection_id = :c"


AREA = r"^([a-z0-9][a-z0-9-]{0,62})?$"
"""An area's name: a slug of the merchant's, or nothing."""


class NewFact(Canonical):
    """A fact for a business day: of an area, of one store, or (neither) of everywhere.

    ``store`` is ``connection/store``, or ``connection/`` for its sales without one.
    """

    name: Slug
    area: Annotated[str, Field(pattern=AREA)] = ""
    store: Annotated[str, Field(pattern=r"^([^/]+/.{0,200})?$", max_length=300)] = ""
    day: date
    value: bool = True
    source: Annotated[Text, Field(min_length=1)]

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.area and self.store:
            raise ValueError("a fact is of an area or of a store, not of both")
        return self

    @property
    def place(self) -> str:
        """Where it holds."""
        return self.store or self.area


@dataclass(frozen=True)
class KeptFact:
    """A fact as it was stated."""

    place: str
    day: date
    name: str
    value: bool
    source: str
    stated_at: datetime


@dataclass(frozen=True)
class Stating:
    """What came of it: how many are new, and those that had been stated otherwise before."""

    new: int
    differ: tuple[KeptFact, ...]


async def state(database: Database, facts: Sequence[NewFact]) -> Stating:
    """State these, for sales from now on; what was stated before for a place and day stays.

    Raises UnknownConnection, and RequestInvalid where two of them contradict each other.
    """
    wanted = _by_name(facts)
    rows = [one.model_dump(mode="json") | {"place": one.place} for one in wanted.values()]
    values = {"rows": json.dumps(rows)}
    async with database.begin() as conn:
        for connection in sorted({one.store.partition("/")[0] for one in facts} - {""}):
            await require_connection(conn, connection)
        new = (await conn.execute(text(STATE), values)).rowcount
        kept = [KeptFact(*row) for row in (await conn.execute(text(KEPT), values)).all()]
    differ = [one for one in kept if wanted[one.place, one.day, one.name].value != one.value]
    return Stating(new, tuple(differ))


def _by_name(facts: Sequence[NewFact]) -> dict[tuple[str, date, str], NewFact]:
    found: dict[tuple[str, date, str], NewFact] = {}
    for one in facts:
        if found.setdefault((one.place, one.day, one.name), one).value != one.value:
            where = one.place or "everywhere"
            which = f"{one.name} of {one.day}: yes and no in {where}"
            raise RequestInvalid("facts", which, "two of them contradict each other")
    return found


async def listed(database: Database, since: date, most: int) -> list[KeptFact]:
    """Facts of that day and later, the earliest first."""
    async with database.begin() as conn:
        rows = (await conn.execute(text(LISTED), {"since": since, "most": most})).all()
    return [KeptFact(*row) for row in rows]


async def require_connection(conn: Any, connection: Key) -> None:
    """Raise UnknownConnection unless it is there: a misspelt place would hold nowhere."""
    if (await conn.execute(text(CONNECTION), {"c": connection})).first() is None:
        raise UnknownConnection(f"no connection {connection!r:.80}; see `renkei connections`")
