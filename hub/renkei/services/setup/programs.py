"""Programs as documents: read, checked, published, compared."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from pydantic import ValidationError
from sqlalchemy import text

from renkei.errors import ProgramInvalid, RequestInvalid, UnknownProgram, fault_words
from renkei.loyalty.context import Facts, MemberFacts
from renkei.loyalty.earn import evaluate_order
from renkei.loyalty.evaluation import Evaluation
from renkei.loyalty.program import Program
from renkei.services.circumstances import in_place, knows_products, read_circumstances
from renkei.storage.engine import Database
from renkei_contracts.order import Order
from renkei_contracts.toolkit.japanese import JST

COMPANY = "SELECT company_id FROM connection WHERE connection_id = :c"

PRESETS = files("renkei.loyalty") / "presets"

NEW_PROGRAM = """
INSERT INTO program (program_id, title, zone) VALUES (:id, :title, :zone) ON CONFLICT DO NOTHING"""

NEWEST = """
SELECT p.zone, v.version, v.document
FROM program p LEFT JOIN program_version v USING (program_id)
WHERE p.program_id = :id ORDER BY v.version DESC NULLS LAST LIMIT 1"""

# Of the versions whose time has come the newest counts: so the next one stands before these.
TO_COME = """
SELECT v.version, v.in_force_from FROM program_version v
WHERE v.program_id = :id AND v.in_force_from > :now AND v.in_force_from >= :since AND NOT EXISTS (
  SELECT FROM program_version newer WHERE newer.program_id = :id
    AND newer.version > v.version AND newer.in_force_from <= v.in_force_from)
ORDER BY v.version"""

PUBLISH = """
INSERT INTO program_version (program_id, version, in_force_from, document)
VALUES (:id, :version, :since, CAST(:document AS json)) ON CONFLICT DO NOTHING"""


@dataclass(frozen=True)
class Published:
    """A version as it was published; those of ``replaces`` will never be in force."""

    program: str
    version: int
    in_force_from: datetime
    replaces: tuple[int, ...] = ()


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
        program = Program.model_validate_json(json.dumps(document, default=_plain))
    except ValidationError as error:
        raise ProgramInvalid([_fault(one) for one in error.errors(include_url=False)]) from None
    if halves := [*_halves(program)]:
        raise ProgramInvalid(halves)
    return program


def _halves(program: Program) -> Iterator[str]:
    """Sections that allow nothing, perhaps by mistake, as a part is left out; 0 would say so.

    What is published already may have them.
    """
    for place, section, needed in (
        ("offline", program.offline, {"points", "hours"}),
        ("override", program.override, {"points", "per_day"}),
    ):
        if section.model_fields_set and (missing := needed - section.model_fields_set):
            named = " and ".join(sorted(missing))
            yield f"{place}: without {named}; 0 says that nothing is allowed"


class Cart(Order):
    """An order as `dry-run` takes it: with what is to be assumed of its member."""

    member: MemberFacts = MemberFacts()


def read_cart(document: str) -> Cart:
    """A cart from JSON; raises RequestInvalid for the first wrong field."""
    try:
        return Cart.model_validate_json(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the cart"
        raise RequestInvalid(place, first["input"], fault_words(first)) from None


def _plain(value: Any) -> str:
    """TOML has dates and times of its own."""
    return str(value.isoformat())


def _fault(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"]) or "the program"
    return f"{place}: {fault_words(error)}"


async def publish(
    database: Database,
    program: Program,
    since: datetime | None,
    *,
    replace_scheduled: bool = False,
) -> Published:
    """Publish the next version, in force from ``since`` (None: now); it never changes again.

    Raises RequestInvalid where it would be in force in the past, or where versions that were to
    come never would be, unless ``replace_scheduled``.
    """
    async with database.begin() as conn:
        values = {"id": program.id, "title": program.title, "zone": program.zone}
        await conn.execute(text(NEW_PROGRAM), values)
        zone, version, _ = (await conn.execute(text(NEWEST), {"id": program.id})).one()
        now = (await conn.execute(text("SELECT clock_timestamp()"))).scalar_one()
        start = since or now
        if start < now:
            raise RequestInvalid("since", _local(start), "must lie after now")
        if zone != program.zone:
            raise RequestInvalid("zone", program.zone, f"the program's is {zone}, for ever")
        found = {"id": program.id, "now": now, "since": start}
        to_come = (await conn.execute(text(TO_COME), found)).all()
        if to_come and not replace_scheduled:
            raise _never_in_force(start, *to_come[0])
        made = Published(program.id, (version or 0) + 1, start, tuple(row[0] for row in to_come))
        document = json.dumps(program.model_dump(mode="json"), ensure_ascii=False)
        put = {"id": made.program, "version": made.version, "since": start, "document": document}
        if (await conn.execute(text(PUBLISH), put)).rowcount != 1:
            raise RequestInvalid("version", made.version, "somebody published it just now")
    return made


def _never_in_force(start: datetime, version: int, since: datetime) -> RequestInvalid:
    why = f"version {version}, to be in force from {_local(since)}, never would be: "
    why += "--since a later moment, or --replace-scheduled if that is meant"
    return RequestInvalid("since", _local(start), why)


def _local(moment: datetime) -> str:
    return moment.astimezone(JST).isoformat(timespec="seconds")


async def newest(database: Database, program: str) -> Program:
    """The newest published version; raises UnknownProgram."""
    async with database.begin() as conn:
        row = (await conn.execute(text(NEWEST), {"id": program})).first()
    if row is None or row[2] is None:
        raise UnknownProgram(f"no program {program!r:.60} has been published")
    return Program.model_validate(row[2])


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


async def dry_run(database: Database, program: Program, order: Cart) -> Evaluation:
    """What the program gives the member for this cart, as its settlement would; books nothing.

    What campaigns with a budget give may be less by then. The order's coupons are names of kinds.
    """
    async with database.begin() as conn:
        products = await knows_products(conn)
        found = await read_circumstances(conn, [order], program, products=products)
        company = (await conn.execute(text(COMPANY), {"c": order.ref.connection})).scalar()
    kinds = {name: kind for name in order.coupons if (kind := program.coupon(name)) is not None}
    facts = Facts(member=order.member, company=company or "", coupons=kinds)
    facts = in_place(facts, order, program, *found)
    return evaluate_order(order, program, facts)
