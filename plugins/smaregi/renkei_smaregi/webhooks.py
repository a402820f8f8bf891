"""Deliveries from Smaregi: unsigned hints with ids, trusted by a secret header and address."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid, SignatureInvalid
from renkei_contracts.event import Changed, Ignored, ObjectKind, Observation
from renkei_contracts.ids import ExternalRef
from renkei_contracts.toolkit.signature import require_secret, same
from renkei_contracts.toolkit.wire import json_body, parse
from renkei_smaregi import wire
from renkei_smaregi.settings import SmaregiSettings

TRANSACTIONS, CUSTOMERS = "pos:transactions", "pos:customers"
MAX_ID_DIGITS = 18


class SmaregiWebhooks:
    """A delivery says what to read again, never what it has become."""

    signs_body = False
    tolerance: timedelta | None = None

    def __init__(self, connection: Connection[SmaregiSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The address's secret, the configured header, and the contract in header and body."""
        path_secret = self._settings.path_secret.get_secret_value()
        require_secret(delivery.path_secret, path_secret, "secret of the address")
        self._require_header(delivery)
        if not same(delivery.header("smaregi-contract-id") or "", self._settings.contract_id):
            raise SignatureInvalid("the delivery is from another contract than this connection's")
        if any(not same(one, self._settings.contract_id) for one in _contracts(delivery.body)):
            raise SignatureInvalid("the body names another contract than the header")

    def key(self, delivery: Delivery) -> str | None:
        """None. ``smaregi-event-id`` is no identity to rely on.

        The same body comes for every change of an object, and nothing signs the id: whoever could
        send one delivery could name an id that a later, real one will have, and suppress it.
        Reading an object once too often costs a call; missing one costs points.
        """
        return None

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """One hint for each id; what happened to it (``action``) is not relied on."""
        event = delivery.header("smaregi-event") or ""
        known = (TRANSACTIONS, CUSTOMERS) if self._settings.members else (TRANSACTIONS,)
        if event not in known:
            return [Ignored(reason=f"event {ascii(event)[:100]} is of no concern")]
        hint = parse(wire.Hint, json_body(delivery.body), event)
        if not hint.contract_id and not hint.contact_id:
            raise PayloadInvalid(f"{event}: the body names no contract")
        if event == TRANSACTIONS:
            return self._changed("order", hint.transaction_head_ids, f"{event}: transactionHeadIds")
        return self._changed("member", hint.customer_ids, f"{event}: customerIds")

    def _require_header(self, delivery: Delivery) -> None:
        secrets = self._settings.header_secrets()
        name = self._settings.header_name
        if not secrets:
            raise SignatureInvalid(f"no header_secret is configured for {name}: set it")
        given = delivery.header(name)
        matches = [given is not None and same(given, one) for one in secrets]
        if not any(matches):
            raise SignatureInvalid(f"the header {name} is missing or has another value")

    def _changed(
        self, kind: ObjectKind, ids: tuple[str | None, ...] | None, what: str
    ) -> Sequence[Observation]:
        if ids is None:
            raise PayloadInvalid(f"{what} is missing")
        refs = [self._ref(id, what) for id in dict.fromkeys(ids)]
        hints: list[Observation] = [Changed(kind=kind, ref=ref) for ref in refs]
        return hints or [Ignored(reason=f"{what} is empty")]

    def _ref(self, id: str | None, what: str) -> ExternalRef:
        if id is None or not (id.isascii() and id.isdigit() and len(id) <= MAX_ID_DIGITS):
            raise PayloadInvalid(f"{what} holds something that is no id")
        return ExternalRef(connection=self._id, id=id)


def _contracts(body: bytes) -> list[str]:
    """The contracts the body names; a body that is no hint is for ``read`` to refuse."""
    try:
        hint = parse(wire.Hint, json_body(body), "the body")
    except PayloadInvalid:
        return []
    return [one for one in (hint.contract_id, hint.contact_id) if one]
