"""What a shopper's browser hears in a vendor's shop: points, and a code that stands for some."""

from typing import Literal

from pydantic import StrictBool

from renkei_contracts.base import Canonical, Instant, Key, Points, Yen

CodeState = Literal["wanted", "issued", "failed", "used", "unwanted", "revoked"]
"""On its way to the shop, usable there, impossible there, used, or given back."""


class ShopperPoints(Canonical):
    """What the shopper may use now; nothing for who is not signed in, or is no member."""

    signed_in: StrictBool
    member: StrictBool
    spendable: Points = 0
    pending: Points = 0


class ShopperCode(Canonical):
    """A code for one use, as it stands: it can be used once it is ``issued``, until ``until``."""

    hold: Key
    code: Key
    until: Instant
    state: CodeState


class ShopperHold(ShopperCode):
    """A new code: ``points`` are set aside for it, which are worth ``yen``.

    An order takes what its goods cost; the rest comes back.
    """

    points: Points
    yen: Yen
