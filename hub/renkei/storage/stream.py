"""Reading very many rows: a cursor at the server, and the rows as the driver gives them."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from psycopg import AsyncConnection as Driver
from psycopg import AsyncRawServerCursor
from psycopg.types.numeric import Int8BinaryLoader
from sqlalchemy.ext.asyncio import AsyncConnection

EPOCH = 946_684_800_000_000
"""Where instants of ``stream`` begin, in microseconds since 1970: at the start of 2000."""


async def stream(
    conn: AsyncConnection, statement: str, values: Sequence[Any], size: int
) -> AsyncGenerator[Sequence[Any]]:
    """So many rows at a time. Values stand as ``$1`` and so on; raises the driver's errors.

    Instants are whole microseconds since EPOCH, as the server sends them: nothing is read of them.
    """
    assert conn.sync_connection is not None
    driver = conn.sync_connection.connection.driver_connection
    assert isinstance(driver, Driver)
    async with AsyncRawServerCursor(driver, "stream") as cursor:
        cursor.adapters.register_loader("timestamptz", Int8BinaryLoader)
        await cursor.execute(statement, values, binary=True)
        while rows := await cursor.fetchmany(size):
            yield rows
