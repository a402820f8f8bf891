"""A vendor on a stage: what the demo and the tests do as shopper, cashier and merchant.

A twin and a vendor's real software answer to the same two Protocols, so one story runs on both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

Action = Literal[
    "register", "nameless", "guest", "refund", "edit", "cancel", "fulfil", "adjust", "rename",
    "withdraw", "merge", "rotate",
]  # fmt: skip
"""What a stage may be able to do; a contract check that needs a missing one does not apply.

``register``: a customer record of the vendor's own; ``nameless``: one without an e-mail address;
``guest``: a sale to nobody; ``adjust``: a person changes the points shown at the vendor;
``rotate``: the secret of deliveries is replaced while the old one is still accepted.
"""


def machine_clock() -> datetime:
    """Now, by the machine's clock, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Webhook:
    """Where the hub listens for this connection, and the secret it expects besides a signature."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Shopper:
    """An invented person; ``card`` is what a till's own member record is found by."""

    email: str
    family_name: str
    given_name: str
    card: str = ""


@dataclass(frozen=True)
class Item:
    """Pieces of one product: ``yen`` tax-included each, tax rate in basis points."""

    sku: str
    title: str
    quantity: int
    yen: int
    tax_rate: int = 1000


@dataclass(frozen=True)
class StageContext:
    """Where a stage may keep files, the seed of everything random on it, and its clock.

    ``page_size`` is how many rows a twin puts on a page, where it decides that (None: as many as
    the vendor does); ``items`` are what it sells (none: a catalogue of its own). Real software pays
    no heed to clock, page size and items.
    """

    work_dir: Path
    seed: int = 1
    now: Callable[[], datetime] = machine_clock
    page_size: int | None = None
    items: tuple[Item, ...] = ()


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


STRAIGHT = Mischief()
"""Every delivery once, in order."""


@runtime_checkable
class Staged(Protocol):
    """What every stage can do. Use it as an async context manager: leaving it stops everything.

    ``can`` names the actions it knows; calling another one raises NotImplementedError. Each action
    sends the deliveries the vendor would send, as the mischief has it.
    """

    can: frozenset[Action]

    @property
    def kind(self) -> Literal["cart", "till", "service"]:
        """A shop online, a register, or something that sells nothing."""
        ...

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

    async def catalogue(self) -> Sequence[Item]:
        """What can be bought, one piece each; at least three items and both tax rates."""
        ...

    async def charged(self, order: str) -> Mapping[int, int]:
        """What the buyer owes now for the goods of a sale: yen with tax, by tax rate.

        Before points and without shipping; rates in basis points, those that owe nothing left out.
        """
        ...

    async def register(self, shopper: Shopper) -> str:
        """A shopper registers and proves the address; the vendor's customer id."""
        ...

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """The customer's name and address change."""
        ...

    async def withdraw(self, customer: str) -> None:
        """The customer leaves, or is deleted."""
        ...

    async def merge(self, kept: str, gone: str) -> None:
        """The merchant joins two customers."""
        ...

    async def adjust(self, customer: str, points: int) -> None:
        """A person sets the points shown at the vendor by hand."""
        ...

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """The merchant takes pieces back and refunds them."""
        ...

    async def edit(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """The merchant takes pieces out of a sale: it is as if they had never been in it."""
        ...

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """The whole sale is called off; at a till, voided."""
        ...

    async def fulfil(self, order: str) -> None:
        """Everything is sent or handed over."""
        ...

    async def rotate(self) -> None:
        """Replace the secret of deliveries; ``settings`` then holds the new and the old one."""
        ...


@runtime_checkable
class CartStage(Staged, Protocol):
    """A web shop."""

    async def buy(self, customer: str, items: Sequence[Item], mischief: Mischief) -> str:
        """The shopper orders and pays (an empty customer: a guest); the vendor's order id."""
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

    async def connect(self, access: TillAccess) -> None:
        """Give the register its credential for the hub (one that never asks ignores it)."""
        ...

    async def sell(self, card: str, items: Sequence[Item], points: int, mischief: Mischief) -> str:
        """The cashier scans the card, rings up, takes ``points`` as payment; the sale's id."""
        ...

    async def points_shown(self, card: str) -> int | None:
        """What the register shows for the card; None: the card is not known."""
        ...
