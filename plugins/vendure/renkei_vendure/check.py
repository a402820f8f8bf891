"""The connection check: login, permissions, currency, and the field that shows the points."""

from collections.abc import Iterator, Sequence

from renkei_contracts.capability import CheckFinding
from renkei_contracts.connection import Connection
from renkei_contracts.errors import AuthenticationFailed, Rejected, SettingsInvalid
from renkei_contracts.toolkit.wire import parse
from renkei_vendure import documents, wire_check
from renkei_vendure.client import VendureClient
from renkei_vendure.settings import VendureSettings

PERMISSIONS = ("ReadOrder", "ReadCustomer", "UpdateCustomer")


class VendureCheck:
    """Whether the shop lets us in, sells in yen, and can show the points."""

    def __init__(self, connection: Connection[VendureSettings]) -> None:
        self._settings = connection.settings
        self._client = VendureClient(connection)

    async def check(self) -> Sequence[CheckFinding]:
        """One call; what keeps us from asking is itself a finding."""
        try:
            data = await self._client.run(documents.CHECK, {})
        except (AuthenticationFailed, Rejected, SettingsInvalid) as error:
            return [CheckFinding(str(error), blocks=True)]
        found = parse(wire_check.Check, data, "connection check")
        return [*_currency(found), *_permissions(found), *self._points(found)]

    def _points(self, found: wire_check.Check) -> Iterator[CheckFinding]:
        """Vendure lists a field that is internal, and so cannot be read, in no case."""
        name = self._settings.points_field
        types = [
            field.type
            for entity in found.global_settings.server_config.entity_custom_fields
            if entity.entity_name == "Customer"
            for field in entity.custom_fields
            if field.name == name
        ]
        if not types:
            text = f"the customer has no custom field {name}: add one of type int"
            yield CheckFinding(text, blocks=True)
        elif types != ["int"]:
            text = f"the customer's custom field {name} is of type {types[0]}: it must be int"
            yield CheckFinding(text, blocks=True)


def _currency(found: wire_check.Check) -> Iterator[CheckFinding]:
    currency = found.active_channel.default_currency_code
    if currency != "JPY":
        yield CheckFinding(f"the shop sells in {currency}: only JPY is supported", blocks=True)


def _permissions(found: wire_check.Check) -> Iterator[CheckFinding]:
    here = found.active_channel.id
    granted = {
        one for channel in found.me.channels if channel.id == here for one in channel.permissions
    }
    missing = [name for name in PERMISSIONS if name not in granted]
    if missing:
        text = f"the administrator lacks the permissions {', '.join(missing)}"
        yield CheckFinding(text, blocks=True)
    if "SuperAdmin" in granted:
        text = "the administrator may do everything: make one with " + ", ".join(PERMISSIONS)
        yield CheckFinding(text, blocks=False)
