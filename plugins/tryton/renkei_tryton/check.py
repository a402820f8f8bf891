"""The connection check: login, point of sale, currency, days, points tender."""

from collections.abc import Iterable, Iterator, Sequence

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed, Rejected, SettingsInvalid
from renkei_contracts.toolkit.wire import parse
from renkei_tryton import wire
from renkei_tryton.client import TrytonClient
from renkei_tryton.settings import TrytonSettings


class TrytonCheck:
    """Whether the sales can be read, and are in yen."""

    def __init__(self, connection: Connection[TrytonSettings]) -> None:
        self._settings = connection.settings
        self._client = TrytonClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """A few reads; what keeps us from reading is itself a finding."""
        try:
            tills = await self._client.search(wire.TILL, [], wire.TILL_FIELDS)
            tender = ["name", "=", self._settings.points_tender]
            tenders = await self._client.search(wire.TENDER, [tender], ["name"])
            await self._client.search(wire.SALE, [], wire.SALE_FIELDS, limit=1)
        except AuthenticationFailed:
            text = "Tryton does not accept the user: check username and password"
            return [CheckFinding(text, blocks=True)]
        except Rejected as error:
            text = f"{error} (activate sale_point, and let the user read it)"
            return [CheckFinding(text, blocks=True)]
        except SettingsInvalid as error:
            return [CheckFinding(str(error), blocks=True)]
        rows = [parse(wire.TillRow, row, "a point of sale") for row in tills]
        return [*self._tills(rows), *self._tender(tenders)]

    def _tills(self, tills: Iterable[wire.TillRow]) -> Iterator[CheckFinding]:
        companies = [till.company for till in tills]
        if not companies:
            yield CheckFinding("the user sees no point of sale: create one", blocks=True)
        for code in sorted({one.currency.code for one in companies} - {"JPY"}):
            text = f"a till's company sells in {code}: only JPY is supported"
            yield CheckFinding(text, blocks=True)
        if any(one.timezone != self._settings.zone for one in companies):
            yield CheckFinding(
                f"the time zone of a till's company is not {self._settings.zone}: sales are given "
                "the day of another zone, in Japan the day before until nine in the morning",
                blocks=False,
            )

    def _tender(self, found: Sequence[object]) -> Iterator[CheckFinding]:
        if not found:
            yield CheckFinding(
                f"no payment method is named {self._settings.points_tender}: points taken at the "
                "till are not seen in polled sales",
                blocks=False,
            )
