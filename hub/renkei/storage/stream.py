"""Reading very many rows: a cursor at the server, and the rows as the driver gives them."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from psycopg import AsyncConnection as Driver
from psycopg import AsyncRawServerCursor
from sqlalchemy.ext.asyncio import AsyncConnection


async def stream(
    conn: AsyncConnection, statement: str, values: Sequence[Any], size: int
) -> AsyncIterator[Sequence[Any]]:
    """So many rows at a time. Values stand as ``$1`` and so on; raises the driver's errors."""
    assert conn.sync_connection is not None
    driver = conn.sync_connection.connection.driver_connection
    assert isinstance(driver, Driver)
    async with AsyncRawServerCursor(driver, "stream") as cursor:
        await cursor.execute(statement, values, binary=True)
        while rows := await cursor.fetchmany(size):
            yield rows
