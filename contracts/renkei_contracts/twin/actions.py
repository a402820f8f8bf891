"""What a stage answers to an action that its vendor does not know."""

from collections.abc import Mapping, Sequence
from typing import Literal

from renkei_contracts.stage import STRAIGHT, Action, Item, Mischief, Shopper, TillAccess


class NoActions:
    """Refuses every action; a stage defines the ones it names in ``can``."""

    kind: Literal["cart", "till", "service"]
    can: frozenset[Action] = frozenset()

    async def connect(self, access: TillAccess) -> None:
        """Nothing: a register that asks the hub defines it."""

    def settings(self) -> Mapping[str, object]:
        """The settings with which the hub connects."""
        raise self._cannot("settings")

    async def catalogue(self) -> Sequence[Item]:
        """What can be bought."""
        raise self._cannot("catalogue")

    async def charged(self, order: str) -> Mapping[int, int]:
        """What the buyer owes now."""
        raise self._cannot("charged")

    async def register(self, shopper: Shopper) -> str:
        """A shopper registers."""
        raise self._cannot("register")

    async def rename(self, customer: str, shopper: Shopper) -> None:
        """The customer's name and address change."""
        raise self._cannot("rename")

    async def withdraw(self, customer: str) -> None:
        """The customer leaves."""
        raise self._cannot("withdraw")

    async def merge(self, kept: str, gone: str) -> None:
        """Two customers are joined."""
        raise self._cannot("merge")

    async def adjust(self, customer: str, points: int) -> None:
        """Points are changed by hand."""
        raise self._cannot("adjust")

    async def refund(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """Pieces come back."""
        raise self._cannot("refund")

    async def edit(
        self, order: str, sku: str, quantity: int, mischief: Mischief = STRAIGHT
    ) -> None:
        """Pieces are taken out."""
        raise self._cannot("edit")

    async def cancel(self, order: str, mischief: Mischief = STRAIGHT) -> None:
        """The sale is called off."""
        raise self._cannot("cancel")

    async def fulfil(self, order: str) -> None:
        """Everything is sent."""
        raise self._cannot("fulfil")

    async def rotate(self) -> None:
        """The secret of deliveries is replaced."""
        raise self._cannot("rotate")

    def _cannot(self, action: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} does not know the action {action!r}")
