"""Programs as documents: read, checked, published, compared, tried on stored orders."""

import json
import tomllib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncResult

from renkei.errors import ProgramInvalid, RequestInvalid, UnknownProgram
from renkei.loyalty.context import Facts
from renkei.loyalty.earn import Evaluation, evaluate_order
from renkei.loyalty.program import Program
from renkei.services.circumstances import in_place, knows_products, read_circumstances
from renkei.services.target import facts_of_a_member
from renkei.storage.engine import Database
from renkei_contracts.order import Order

COMPANY = "SELECT company_id FROM connection WHERE connection_id = :c"

MANY = 500
"""Orders whose circumstances are read at once."""

PRESETS = files("renkei.loyalty") / "presets"

NEW_PROGRAM = """
INSERT INTO program (program_id, title, zone) VALUES (:id, :title, :zone) ON CONFLICT DO NOTHING"""

NEWEST = """
SELECT p.zone, v.version, v.in_force_from, v.document
FROM program p LEFT JOIN program_version v USING (program_id)
WHERE p.program_id = :id ORDER BY v.version DESC NULLS LAST LIMIT 1"""

PUBLISH = """
INSERT INTO program_version (program_id, version, in_force_from, document)
VALUES (:id, :version, :since, CAST(:document AS json)) ON CONFLICT DO NOTHING"""

STORED = """
SELECT o.document, s.earned, s.member_id, c.company_id
FROM orders o JOIN settled s USING (connection_id, order_ref)
JOIN connection c USING (connection_id)
JOIN member m ON m.member_id = s.member_id AND m.program_id = :id
WHERE o.placed_at >= :since AND o.revision > 0 AND o.same_connection IS NULL"""


@dataclass(frozen=True)
class Published:
    """A version as it was published."""

    program: str
    version: int
    in_force_from: datetime


@dataclass(frozen=True)
class BackTest:
    """What a draft would have given for stored orders, beside what was booked. Points are whole."""

    orders: int
    members: int
    booked: int
    draft: int
    more: int
    fewer: int
    yen_per_point: int

    @property
    def cost(self) -> int:
        """Yen that the draft would have cost more (or less, below zero)."""
        return (self.draft - self.booked) * self.yen_per_point


def preset(name: str) -> str:
    """The text of a preset; raises UnknownProgram."""
    file = PRESETS / f"{name}.toml"
    if not file.is_file():
        known = ", ".join(sorted(one.name.removesuffix(".toml") for one in PRESETS.iterdir()))
        raise UnknownProgram(f"no preset {name!r:.40}; there are: {known}")
    return file.read_text(encoding="utf-8")


def read(toml: str) -> Program:
    """The program a TOML text says; raises ProgramInvalid with every fault and its place."""
    try:
        document = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise ProgramInvalid([str(error)]) from None
    try:
        return Program.model_validate_json(json.dumps(document, default=_plain))
    except ValidationError as error:
        raise ProgramInvalid([_fault(one) for one in error.errors(include_url=False)]) from None


def read_order(document: str) -> Order:
    """An order from JSON; raises RequestInvalid for the first wrong field."""
    try:
        return Order.model_validate_json(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the order"
        raise RequestInvalid(place, first["input"], first["msg"]) from None


def _plain(value: Any) -> str:
    """TOML has dates and times of its own."""
    return str(value.isoformat())


def _fault(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "the program"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"


async def publish(database: Database, program: Program, since: datetime | None) -> Published:
    """Publish the next version, in force from ``since`` (None: now); it never changes again.

    Raises RequestInvalid where it would be in force in the past or before an older version.
    """
    async with database.begin() as conn:
        values = {"id": program.id, "title": program.title, "zone": program.zone}
        await conn.execute(text(NEW_PROGRAM), values)
        zone, version, newest, _ = (await conn.execute(text(NEWEST), {"id": program.id})).one()
        now = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
        start = since or now
        if version is not None and start < max(now, newest):
            why = "must lie after now and after the newest version's own"
            raise RequestInvalid("in_force_from", start.isoformat(), why)
        if zone != program.zone:
            raise RequestInvalid("zone", program.zone, f"the program's is {zone}, for ever")
        document = json.dumps(program.model_dump(mode="json"), ensure_ascii=False)
        made = Published(program.id, (version or 0) + 1, start)
        put = {"id": made.program, "version": made.version, "since": start, "document": document}
        if (await conn.execute(text(PUBLISH), put)).rowcount != 1:
            raise RequestInvalid("version", made.version, "somebody published it just now")
    return made


async def newest(database: Database, program: str) -> Program:
    """The newest published version; raises UnknownProgram."""
    async with database.begin() as conn:
        row = (await conn.execute(text(NEWEST), {"id": program})).first()
    if row is None or row[3] is None:
        raise UnknownProgram(f"no program {program!r:.60} has been published")
    return Program.model_validate(row[3])


def differences(old: Program, new: Program) -> list[tuple[str, Any, Any]]:
    """(place, before, after) of every value that differs; None: not there."""
    before, after = _flat(old.model_dump(mode="json")), _flat(new.model_dump(mode="json"))
    places = sorted({*before, *after})
    changed = [(place, before.get(place), after.get(place)) for place in places]
    return [one for one in changed if one[1] != one[2]]


def _flat(value: Any, place: str = "") -> dict[str, Any]:
    """Values by their place; campaigns and rates by their names, not their numbers."""
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list) and all(isinstance(one, Mapping) for one in value):
        parts = {str(one.get("name", n)): one for n, one in enumerate(value)}.items()
    else:
        return {place: value}
    return {
        inner: leaf
        for name, part in parts
        for inner, leaf in _flat(part, f"{place}.{name}" if place else str(name)).items()
    }


async def dry_run(database: Database, program: Program, order: Order) -> Evaluation:
    """What the program gives a member for this order, as its settlement would; books nothing.

    What campaigns with a budget give may be less by then.
    """
    async with database.begin() as conn:
        products = await knows_products(conn)
        found = await read_circumstances(conn, [order], program, products=products)
        company = (await conn.execute(text(COMPANY), {"c": order.ref.connection})).scalar()
    facts = in_place(facts_of_a_member(company or ""), order, program, *found)
    return evaluate_order(order, program, facts)


async def back_test(
    database: Database, program: Program, since: datetime, *, by_now: bool = False
) -> BackTest:
    """What this draft would have given for the orders placed since; budgets are not counted.

    ``by_now``: with the facts and products that were stated after their sales, too.
    """
    orders = booked = draft = more = fewer = 0
    members: set[str] = set()
    async with database.engine.connect() as conn, database.engine.connect() as beside:
        stream = await conn.stream(text(STORED), {"id": program.id, "since": since})
        async for row, order, facts in _stored(stream, beside, program, by_now=by_now):
            was, would = row[1], evaluate_order(order, program, facts).earned
            orders, booked, draft = orders + 1, booked + was, draft + would
            more, fewer = more + (would > was), fewer + (would < was)
            if would != was:
                members.add(row[2])
    yen = program.redeem.yen_per_point
    return BackTest(orders, len(members), booked, draft, more, fewer, yen)


async def _stored(
    stream: AsyncResult[*tuple[Any, ...]],
    beside: AsyncConnection,
    program: Program,
    *,
    by_now: bool,
) -> AsyncIterator[tuple[Any, Order, Facts]]:
    """Stored orders with what was known of them, read many at a time."""
    products = await knows_products(beside)
    async for rows in stream.partitions(MANY):
        orders = [Order.model_validate_json(json.dumps(row[0])) for row in rows]
        found = await read_circumstances(beside, orders, program, products=products, by_now=by_now)
        for row, order in zip(rows, orders, strict=True):
            yield row, order, in_place(facts_of_a_member(row[3]), order, program, *found)
