"""What comes in is verified and stored, or refused and forgotten."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from acme import Cloud, vendor

from renkei.connections.opened import OpenConnection
from renkei.errors import UnknownConnection
from renkei.messaging.delivery_counts import DeliveryCounts
from renkei.messaging.inbox import Incoming
from renkei.services.flow.receive import Receiver
from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid, SignatureInvalid
from renkei_contracts.toolkit.signature import hmac_sha256_base64

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)


@dataclass
class Connections:
    """The one connection ``cart``; its webhooks are as the test wants them."""

    webhooks: Any

    async def get(self, id: str) -> OpenConnection:
        if id != "cart":
            raise UnknownConnection(f"no connection {id}")
        return cast(OpenConnection, self)

    id = "cart"


@dataclass
class Intake:
    """Remembers keys, as the table does."""

    stored: dict[str, Incoming] = field(default_factory=dict)

    async def submit(self, incoming: Incoming) -> bool:
        new = incoming.key not in self.stored
        self.stored.setdefault(incoming.key, incoming)
        return new


@dataclass
class Door:
    """A receiver, what it let in, and the webhooks behind it."""

    receiver: Receiver
    intake: Intake
    webhooks: Any

    async def knock(self, body: bytes = b"{}", *headers: tuple[str, str], to: str = "cart") -> str:
        signed = ("Acme-Signature", hmac_sha256_base64("acme", body))
        return (await self.receiver.receive(Delivery(to, NOW, (signed, *headers), body))).outcome


@pytest.fixture
def door() -> Door:
    numbers = iter(range(100))
    made = vendor("acme", Cloud(), "absolute")
    assert made.webhooks is not None

    class Given:
        settings = made.settings()

    webhooks: Any = made.webhooks(cast(Any, Given()))
    intake = Intake()
    new_id: Callable[[str], str] = lambda prefix: f"{prefix}_{next(numbers)}"  # noqa: E731
    counts = DeliveryCounts(cast(Any, None))
    there: Any = Connections(webhooks)
    receiver = Receiver(there, cast(Any, intake), lambda: NOW, new_id, counts)
    return Door(receiver, intake, webhooks)


async def test_the_same_delivery_is_stored_once(door: Door) -> None:
    answers = [await door.knock(b"{}", ("Acme-Id", "d1")) for _ in range(3)]
    assert answers == ["stored", "duplicate", "duplicate"]


async def test_a_hint_is_stored_each_time(door: Door) -> None:
    assert [await door.knock(b"") for _ in range(3)] == ["stored"] * 3


async def test_a_forged_delivery_is_not_stored(door: Door) -> None:
    with pytest.raises(SignatureInvalid):
        await door.receiver.receive(Delivery("cart", NOW, (("Acme-Signature", "x"),), b"{}"))
    assert door.intake.stored == {}


async def test_a_check_that_breaks_on_odd_input_has_not_said_that_it_is_genuine(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(delivery: Delivery, now: datetime) -> None:
        raise UnicodeDecodeError("ascii", b"\xff", 0, 1, "odd")

    monkeypatch.setattr(door.webhooks, "verify", breaks)
    with pytest.raises(SignatureInvalid):
        await door.knock()
    assert door.intake.stored == {}


@pytest.mark.parametrize("error", [PayloadInvalid("no id"), KeyError("id")])
async def test_a_delivery_whose_key_cannot_be_read_is_kept_for_a_person(
    door: Door, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def breaks(delivery: Delivery) -> str:
        raise error

    monkeypatch.setattr(door.webhooks, "key", breaks)
    assert await door.knock() == "stored"
    assert list(door.intake.stored) == ["dlv_0"]


@pytest.mark.parametrize("key", ["x" * 201, "nul\x00", "lone\ud800"])
async def test_a_key_that_cannot_be_kept_is_kept_as_its_digest(door: Door, key: str) -> None:
    assert await door.knock(b"{}", ("Acme-Id", key)) == "stored"
    assert await door.knock(b"{}", ("Acme-Id", key)) == "duplicate"
    (kept,) = door.intake.stored
    assert kept.startswith("sha256:")
    assert len(kept) <= 200


async def test_nobody_takes_deliveries_for_an_unknown_connection(door: Door) -> None:
    with pytest.raises(UnknownConnection):
        await door.knock(to="nowhere")


async def test_a_vendor_without_webhooks_takes_none(door: Door) -> None:
    connections: Any = door.receiver.connections
    connections.webhooks = None
    with pytest.raises(UnknownConnection, match="takes no deliveries"):
        await door.knock()
