"""Deliveries: a list of ids of what changed, signed over the raw body, sent before the commit.

Source: WebHookService and WebHookEvents of eccube-api4 6ce2dab8. There is no delivery id, no time
and no second try.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from renkei_contracts.connection import Connection
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.event import Changed, Ignored, MemberLeft, ObjectKind, Observation
from renkei_contracts.ids import ExternalRef
from renkei_contracts.toolkit.signature import require_hmac_hex
from renkei_contracts.toolkit.wire import json_body, parse
from renkei_eccube import wire
from renkei_eccube.settings import EccubeSettings

SIGNATURE = "X-ECCUBE-Signature"

DELAY = timedelta(seconds=5)
"""EC-CUBE sends in kernel.response and commits in kernel.terminate: before, a read is stale."""

KINDS: dict[str, ObjectKind] = {"order": "order", "customer": "member"}
ACTIONS = frozenset({"created", "updated", "deleted"})


class EccubeWebhooks:
    """Bare hints, but that a customer was deleted."""

    signs_body = True
    tolerance: timedelta | None = None

    def __init__(self, connection: Connection[EccubeSettings]) -> None:
        self._id = connection.id
        self._secrets = connection.settings.signing_secrets()

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """The signature over the raw body; EC-CUBE signs no time."""
        require_hmac_hex(delivery.header(SIGNATURE), self._secrets, delivery.body)

    def key(self, delivery: Delivery) -> str | None:
        """None: the same thing may change again in the same words."""
        return None

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """What changed in one request to the shop: an array, of which the manual shows one part."""
        body = json_body(delivery.body)
        told = [body] if isinstance(body, dict) else body
        if not isinstance(told, list) or not told:
            raise PayloadInvalid("the delivery is no list of what changed")
        return [self._observed(one, delivery.received_at) for one in told]

    def _observed(self, row: object, at: datetime) -> Observation:
        told = parse(wire.Told, row, "the delivery")
        kind = KINDS.get(told.entity)
        if kind is None or told.action not in ACTIONS:
            what = f"{told.entity!a} {told.action!a}"
            return Ignored(reason=f"{what[:100]} is of no concern")
        ref = ExternalRef(connection=self._id, id=str(parse(wire.Named, row, told.entity).id))
        if kind == "member" and told.action == "deleted":
            return MemberLeft(ref=ref, at=at)
        return Changed(kind=kind, ref=ref, delay=DELAY)
