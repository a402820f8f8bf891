"""Filling a database with programs, connections and members, by SQL alone."""

import hashlib
import json

from sqlalchemy import text

from renkei.ledger.keys import IdentityKey
from renkei.loyalty.program import Program
from renkei.services.setup import installation
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing

RING = KeyRing({"1": b"bench" + bytes(27)}, "1")

SINCE = "2020-01-01Z"

PROGRAM = "INSERT INTO program (program_id, title, zone) VALUES (:id, :id, 'Asia/Tokyo')"

VERSION = f"""
INSERT INTO program_version (program_id, version, in_force_from, document)
VALUES (:id, 1, '{SINCE}', CAST(:document AS json))"""

CONNECTION = f"""
INSERT INTO connection (connection_id, vendor, program_id, company_id, settings, settles_from,
                        leads, binds_holds, state, created_at)
VALUES (:id, 'bench', :id, 'default', '', '{SINCE}', 'hub', true, 'active', '{SINCE}')"""

# A member as enrolment leaves it: key, profile, the vendor's customer id, a mirror row.
MEMBERS = (
    f"""INSERT INTO member (member_id, program_id, created_at)
        SELECT 'mem_' || :shop || lpad(n::text, 24, '0'), :shop, '{SINCE}'
        FROM generate_series(1, :count) n""",
    """INSERT INTO member_key (member_id, wrapped)
       SELECT member_id, sha256(convert_to(member_id, 'UTF8')) || sha256('key') FROM member
       WHERE program_id = :shop""",
    """INSERT INTO member_profile (member_id, sealed)
       SELECT member_id, sha256(convert_to(member_id, 'UTF8')) || sha256('profile') FROM member
       WHERE program_id = :shop""",
    f"""INSERT INTO identity (kind, scope, blind, valid_from, member_id, grade, asserted_by, sealed)
        SELECT 'vendor_customer', :shop, sha256(convert_to(member_id, 'UTF8')), '{SINCE}',
               member_id, 'strong', :shop, sha256('sealed') || sha256('value')
        FROM member WHERE program_id = :shop""",
    f"""INSERT INTO mirror (connection_id, member_id, external_id, wanted_version, written_version,
                            due)
        SELECT :shop, member_id, member_id, 0, 0, '{SINCE}' FROM member WHERE program_id = :shop""",
)


async def fill(database: Database, shops: dict[str, int]) -> None:
    """A program and a connection for each shop, both of its name, with so many members."""
    async with database.begin() as conn:
        await installation.ensure(conn, RING)
        for shop, count in shops.items():
            document = json.dumps(Program(id=shop).model_dump(mode="json"))
            await conn.execute(text(PROGRAM), {"id": shop})
            await conn.execute(text(VERSION), {"id": shop, "document": document})
            await conn.execute(text(CONNECTION), {"id": shop})
            for statement in MEMBERS:
                await conn.execute(text(statement), {"shop": shop, "count": count})


def member_id(shop: str, number: int) -> str:
    """The id of the shop's member of that number, from 1."""
    return f"mem_{shop}{number:024}"


def identity_of(shop: str, number: int) -> IdentityKey:
    """By what an order of this member names them."""
    blind = hashlib.sha256(member_id(shop, number).encode()).digest()
    return ("vendor_customer", shop, blind)
