"""Deliveries: unsigned hints, trusted by a secret header and a secret address."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid, SignatureInvalid
from renkei_contracts.event import Changed, Ignored, ObjectKind, Observation
from renkei_contracts.ids import ExternalRef
from renkei_contracts.reference.till import wire
from renkei_contracts.reference.till.settings import TillSettings
from renkei_contracts.toolkit.signature import require_secret, same
from renkei_contracts.toolkit.wire import json_body, parse

HEADER = "X-Till-Secret"

ID = re.compile(r"[A-Z][0-9]{1,15}")

KINDS: dict[str, ObjectKind] = {"sale.changed": "order", "member.changed": "member"}


class TillWebhooks:
    """A delivery says what to read again, never what it has become."""

    signs_body = False
    tolerance: timedelta | None = None

    def __init__(self, connection: Connection[TillSettings]) -> None:
        self._id = connection.id
        self._settings = connection.settings

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The secret of the address, and that of the header: the new one or the old one."""
        path_secret = self._settings.path_secret.get_secret_value()
        require_secret(delivery.path_secret, path_secret, "secret of the address")
        given, secrets = delivery.header(HEADER), self._settings.header_secrets()
        if not secrets:
            raise SignatureInvalid("no header_secret is configured: set it on the connection")
        matches = [given is not None and same(given, one) for one in secrets]
        if not any(matches):
            raise SignatureInvalid(f"the header {HEADER} is missing or has another value")

    def key(self, delivery: Delivery) -> str | None:
        """None: the same bytes come for every change of an object."""
        return None

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """The hint."""
        hint = parse(wire.Hint, json_body(delivery.body), "the body")
        kind = KINDS.get(hint.event)
        if kind is None:
            return [Ignored(reason=f"event {ascii(hint.event)[:100]} is of no concern")]
        if hint.id is None or not ID.fullmatch(hint.id):
            raise PayloadInvalid(f"{hint.event}: id is missing or none of this register")
        return [Changed(kind=kind, ref=ExternalRef(connection=self._id, id=hint.id))]
