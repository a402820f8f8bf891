"""What a twin can show besides points, so that a suite sees whether the vendor has it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from renkei_contracts.delivery import Delivery
from renkei_contracts.stage import Item


@runtime_checkable
class ShowsCoupons(Protocol):
    """A twin of a vendor with coupons.

    One whose coupons end with a day of Japan's says ``coupons_end_with_days = True``.
    """

    async def coupon_shown(self, code: str) -> tuple[int, datetime] | None:
        """What the coupon is worth in yen and until when; None: there is none."""
        ...


@runtime_checkable
class PassesOn(Protocol):
    """A twin of a vendor whose shop passes on what its shoppers' browsers ask."""

    def passed_on(self, customer: str, asked: Mapping[str, str]) -> Delivery:
        """The request of a customer's browser as we get it (an empty customer: nobody's)."""
        ...


@runtime_checkable
class TakesCodes(Protocol):
    """A twin whose shoppers can use a coupon of its shop."""

    async def buy_with_code(self, customer: str, items: Sequence[Item], code: str) -> str:
        """Buy with a coupon that was issued; the order's id."""
        ...


@runtime_checkable
class ShowsMessages(Protocol):
    """A twin of a vendor that sends messages."""

    async def messages_shown(self, customer: str) -> Sequence[str]:
        """The texts that reached the customer, oldest first."""
        ...
