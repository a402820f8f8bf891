"""Tokens are sealed, and refreshed by one at a time across processes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from renkei.connections.tokens import DatabaseTokens
from renkei.storage.engine import Database
from renkei.storage.sealed import KeyRing
from renkei_contracts.connection import Token
from renkei_contracts.errors import Unavailable

FIRST = Token("first", datetime(2026, 11, 26, 4, tzinfo=UTC), "refresh-1")


@dataclass
class Vendor:
    """Issues a token for each refresh token once."""

    issued: int = 0

    async def refresh(self, kept: Token | None) -> Token:
        await asyncio.sleep(0)
        self.issued += 1
        return Token(f"token-{self.issued}", None, f"after-{kept.refresh if kept else None}")


@pytest.fixture
async def process(shop: Database, ring: KeyRing) -> AsyncIterator[Callable[[], DatabaseTokens]]:
    """The token store as one more process has it."""
    engine = create_async_engine(shop.engine.url, poolclass=NullPool)
    yield lambda: DatabaseTokens(shop.engine, engine, ring, "shop")
    await engine.dispose()


async def test_a_token_comes_back_whole_and_is_sealed(
    shop: Database, process: Callable[[], DatabaseTokens]
) -> None:
    async def fetch(kept: Token | None) -> Token:
        return FIRST

    assert await process().current() is None
    await process().replace(None, fetch)
    assert await process().current() == FIRST
    async with shop.begin() as conn:
        sealed, expires = (
            await conn.execute(text("SELECT token, expires_at FROM connection_token"))
        ).one()
    assert b"first" not in bytes(sealed)
    assert expires == FIRST.expires_at


async def test_of_many_who_find_it_refused_one_refreshes_it(
    process: Callable[[], DatabaseTokens],
) -> None:
    vendor = Vendor()
    old = await process().replace(None, vendor.refresh)
    found = await asyncio.gather(*(process().replace(old, vendor.refresh) for _ in range(8)))
    assert {token.access for token in found} == {"token-2"}
    assert vendor.issued == 2


async def test_a_token_that_was_replaced_meanwhile_is_taken_as_it_is(
    process: Callable[[], DatabaseTokens],
) -> None:
    vendor = Vendor()
    await process().replace(None, vendor.refresh)
    assert (await process().replace(FIRST, vendor.refresh)).access == "token-1"
    assert (await process().replace(None, vendor.refresh)).access == "token-1"


async def test_a_refresh_that_fails_leaves_the_token_and_lets_the_next_one_try(
    process: Callable[[], DatabaseTokens],
) -> None:
    vendor = Vendor()
    old = await process().replace(None, vendor.refresh)

    async def down(kept: Token | None) -> Token:
        raise Unavailable("the vendor is down")

    with pytest.raises(Unavailable):
        await process().replace(old, down)
    assert await process().current() == old
    assert (await process().replace(old, vendor.refresh)).refresh == "after-after-None"
