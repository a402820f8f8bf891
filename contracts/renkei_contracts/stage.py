"""A vendor on a stage: what the demo and the tests do as shopper, cashier and merchant.

A twin and a vendor's real software answer to the same two Protocols, so one story runs on both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable


@dataclass(frozen=True)
class StageContext:
    """Where a stage may keep files, and the seed of everything random on it."""

    work_dir: Path
    seed: int = 1


@dataclass(frozen=True)
class Webhook:
    """Where the hub listens for this connection, and the secret it expects besides a signature."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Shopper:
    """An invented person."""

    email: str
    family_name: str
    given_name: str


@dataclass(frozen=True)
class Item:
    """Pieces of one product: ``yen`` tax-included each, tax rate in basis points."""

    sku: str
    title: str
    quantity: int
    yen: int
    tax_rate: int = 1000


@dataclass(frozen=True)
class TillAccess:
    """How a register that asks the hub reaches it."""

    url: str
    key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Mischief:
    """What happens to deliveries on their way: sent ``times``, newest first if ``reversed``."""

    times: int = 1
    reversed: bool = False
    lost: bool = False


@runtime_checkable
class Staged(Protocol):
    """What every stage can do. Use it as an async context manager: leaving it stops everything."""

    kind: Literal["cart", "till"]

    async def __aenter__(self) -> "Staged": ...
    async def __aexit__(self, *exc: object) -> None: ...

    def settings(self) -> Mapping[str, object]:
        """The settings with which the hub connects to this stage."""
        ...

    def address(self) -> str:
        """Something a person can open."""
        ...

    async def listen(self, webhook: Webhook) -> None:
        """Send deliveries to the hub from now on (a vendor without webhooks ignores it)."""
        ...


@runtime_checkable
class CartStage(Staged, Protocol):
    """A web shop."""

    async def catalogue(self) -> Sequence[Item]:
        """What can be bought, one piece each."""
        ...

    async def register(self, shopper: Shopper) -> str:
        """A shopper registers and proves the address; the vendor's customer id."""
        ...

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        """The shopper orders and pays; the vendor's order id."""
        ...

    async def refund(self, order: str, sku: str, quantity: int) -> None:
        """The merchant takes pieces back and refunds them."""
        ...

    async def points_shown(self, customer: str) -> int | None:
        """What the shopper sees on the account page; None: nothing yet."""
        ...


@runtime_checkable
class TillStage(Staged, Protocol):
    """A register in a store. ``asks_hub``: it spends by hold and commit, not its own copy.

    ``place`` is (store, till), as the natural keys of its sales name them.
    """

    asks_hub: bool
    place: tuple[str, str]

    async def catalogue(self) -> Sequence[Item]:
        """What can be bought, one piece each."""
        ...

    async def connect(self, access: TillAccess) -> None:
        """Give the register its credential for the hub (one that never asks ignores it)."""
        ...

    async def sell(self, card: str, items: Sequence[Item], points: int, mischief: Mischief) -> str:
        """The cashier scans the card, rings up, takes ``points`` as payment; the sale's id."""
        ...

    async def points_shown(self, card: str) -> int | None:
        """What the register shows for the card; None: the card is not known."""
        ...
