"""The connection check: token, scopes, and whether the hub may lead the points."""

from collections.abc import Iterator, Sequence

from renkei_colorme import wire
from renkei_colorme.client import ColormeClient
from renkei_colorme.settings import ColormeSettings
from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed, GiveUp, PayloadInvalid
from renkei_contracts.toolkit.wire import parse


class ColormeCheck:
    """Reads only; nothing is changed in the shop."""

    def __init__(self, connection: Connection[ColormeSettings]) -> None:
        self._settings = connection.settings
        self._client = ColormeClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """Orders of the last week, and a member; refused calls are themselves findings."""
        try:
            rows, _ = await self._client.rows("/v1/sales", "sales", {"limit": "100"})
            await self._client.rows("/v1/customers", "customers", {"member": "true", "limit": "1"})
        except (AuthenticationFailed, GiveUp) as error:
            text = (
                "orders and members cannot be read: authorize the app with read_sales and "
                f"write_sales ({error})"
            )
            return [CheckFinding(text, blocks=True)]
        return list(self._points(rows))

    def _points(self, rows: Sequence[object]) -> Iterator[CheckFinding]:
        if not self._settings.own_points_off:
            text = (
                "the hub leads the points: set the shop's own point rate to 0, which cannot be "
                "seen from here, and confirm it by own_points_off"
            )
            yield CheckFinding(text, blocks=True)
        newest = max(_granted(rows), key=lambda one: one.make_date, default=None)
        if newest is not None and newest.granted_points:
            text = (
                f"the newest order of last week, of {newest.make_date:%Y-%m-%d %H:%M} UTC, was "
                "granted points by the shop itself: see that its own point rate is 0 by now"
            )
            yield CheckFinding(text, blocks=False)


def _granted(rows: Sequence[object]) -> Iterator[wire.Granted]:
    for row in rows:
        try:
            one = parse(wire.Granted, row, "order")
        except PayloadInvalid:
            continue
        if not one.canceled:
            yield one
