"""What a plugin can do: one Protocol per capability, obtained from a factory on its Vendor.

Methods that talk to the vendor are ``async`` and raise the canonical errors; everything that only
thinks is a plain function. A plugin keeps no state, retries nothing and rounds nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, Protocol, runtime_checkable

from renkei_contracts.delivery import Delivery
from renkei_contracts.event import Observation
from renkei_contracts.ids import ExternalRef
from renkei_contracts.member import Member, NewMember
from renkei_contracts.order import Order
from renkei_contracts.paging import Page, Window
from renkei_contracts.point import BalanceWrite, BalanceWritten
from renkei_contracts.till import TillAnswer, TillCommand


@runtime_checkable
class Webhooks(Protocol):
    """Deliveries from the vendor. Pure: no call, no clock of its own.

    ``signs_body``: whether the vendor signs what it sends, or only shows a secret. ``tolerance``:
    how far the signed time of a delivery may be from now (None: the vendor signs no time).
    """

    signs_body: bool
    tolerance: timedelta | None

    def verify(self, delivery: Delivery, now: datetime) -> None:
        """Check the raw bytes in constant time; raise SignatureInvalid. No secret: refuse all."""
        ...

    def key(self, delivery: Delivery) -> str | None:
        """The delivery's own unique identity; None for a bare hint, which is never deduplicated.

        Where the vendor has no unique identity but sends full bodies, a digest of the body.
        """
        ...

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        """What the delivery tells; an unknown topic is Ignored. Raises PayloadInvalid."""
        ...


@runtime_checkable
class Orders(Protocol):
    """Reading orders."""

    async def fetch(self, id: str) -> Order:
        """The order as it is now; raises NotFound, and NotYet for what is no order yet."""
        ...

    async def changed(self, window: Window, cursor: str | None) -> Page[Order]:
        """Orders changed within the window, oldest change first, from the cursor on."""
        ...


@runtime_checkable
class OrderHistory(Protocol):
    """Beside Orders, where the vendor hands out a long past by other means than page after page."""

    async def past(self, window: Window, cursor: str | None) -> Page[Order]:
        """The same orders as ``changed`` gives, in any order; a page may be empty and not the last.

        Raises Unavailable while the vendor prepares them, and Rejected for a cursor of what it has
        thrown away: then without a cursor again.
        """
        ...


@runtime_checkable
class Members(Protocol):
    """Reading members."""

    async def fetch(self, id: str) -> Member:
        """The member as they are now; raises NotFound, and NotYet for who is no member yet."""
        ...

    async def changed(self, window: Window, cursor: str | None) -> Page[Member]:
        """Members changed within the window, oldest change first, from the cursor on."""
        ...


@runtime_checkable
class MemberCreation(Protocol):
    """Creating members at the vendor, so that a card issued elsewhere is known there."""

    async def create(self, member: NewMember) -> ExternalRef:
        """Create the member, or find the one created before with the same card."""
        ...


@runtime_checkable
class Balances(Protocol):
    """Mirroring points.

    ``mode`` says whether a write sets the balance or changes it; ``idempotent`` whether the same
    write twice is the same as once; ``shows_expiry`` whether an expiry date can be said.
    """

    mode: Literal["absolute", "delta"]
    idempotent: bool
    shows_expiry: bool

    async def read(self, id: str) -> int:
        """The points the vendor shows for this customer; raises NotFound."""
        ...

    async def write(self, id: str, write: BalanceWrite) -> BalanceWritten:
        """Write the balance; raises OutcomeUnknown when the vendor may or may not have acted."""
        ...


@runtime_checkable
class Settling(Protocol):
    """Beside Balances, where a read soon after a write may still show what was there before.

    ``settles_after``: how long that may be so. A change of points is a difference to what was read:
    the hub waits so long before it reads the same customer again for the next one.
    """

    settles_after: timedelta


@dataclass(frozen=True)
class CheckFinding:
    """One thing a connection check found; ``blocks`` keeps the connection from being enabled."""

    text: str
    blocks: bool


@runtime_checkable
class Check(Protocol):
    """Whether the connection works and is set up so that the hub may lead the points."""

    async def check(self) -> Sequence[CheckFinding]:
        """Call the vendor and say what is wrong; an empty answer means that all is well."""
        ...


@runtime_checkable
class Till(Protocol):
    """Pure translators for registers that call us in their own format."""

    def command(self, delivery: Delivery) -> TillCommand:
        """The vendor's request as a neutral till command; raises PayloadInvalid."""
        ...

    def answer(self, delivery: Delivery, answer: TillAnswer) -> tuple[bytes, str]:
        """The neutral answer in the vendor's format: body and content type.

        Also for a request that command() refused, or that is not from the vendor.
        """
        ...


@runtime_checkable
class TillNaming(Protocol):
    """What a Till has besides where requests other than sales say which register they are of.

    Without it such a request counts for the connection's only till, or is refused.
    """

    def till(self, delivery: Delivery) -> tuple[str, str] | None:
        """Store and till as its sales name them; None: the request does not say."""
        ...


@runtime_checkable
class Install(Protocol):
    """Authorizing us at the vendor."""

    def authorize_url(self, state: str, callback_url: str) -> str:
        """Where to send the merchant's browser."""
        ...

    async def finish(self, callback: Delivery) -> None:
        """Check the callback and exchange its code for a token; raises SignatureInvalid.

        The callback's body is its raw query string. Whoever made the state compares it before.
        """
        ...


@runtime_checkable
class Messages(Protocol):
    """Sending a message to a member by LINE or mail."""

    async def send(self, ref: ExternalRef, text: str) -> None:
        """Send the text."""
        ...


@dataclass(frozen=True)
class Fact:
    """A dated statement with its source: rain in kyoto on 3 June, by the forecast of 05:00.

    ``name`` and ``area`` are slugs, as conditions and stores say them; an empty area is everywhere.
    """

    name: str
    area: str
    day: date
    value: bool
    source: str


@runtime_checkable
class Facts(Protocol):
    """Weather, holidays and other dated statements."""

    async def facts(self, day: date) -> Sequence[Fact]:
        """What holds on that day in each area of the settings; what is not certain is left out.

        Asked once a day, and again after a failure: a few calls at most.
        """
        ...


@dataclass(frozen=True)
class StockLevel:
    """How many pieces of a product are at a location."""

    sku: str
    location: str
    quantity: int
    at: datetime


@runtime_checkable
class Stock(Protocol):
    """Reading and writing stock."""

    async def read(self, skus: Sequence[str]) -> Sequence[StockLevel]:
        """The levels the vendor shows."""
        ...

    async def write(self, level: StockLevel) -> None:
        """Set one level."""
        ...


@dataclass(frozen=True)
class Product:
    """A product as the vendor lists it; JAN and SKU make it one product everywhere."""

    ref: ExternalRef
    sku: str
    jan: str
    title: str


@runtime_checkable
class Products(Protocol):
    """Reading the product list."""

    async def changed(self, window: Window, cursor: str | None) -> Page[Product]:
        """Products changed within the window, from the cursor on."""
        ...


@runtime_checkable
class Coupons(Protocol):
    """Issuing and revoking coupons at the vendor."""

    async def issue(self, code: str, yen: int, until: datetime) -> None:
        """Make a single-use coupon worth ``yen``."""
        ...

    async def revoke(self, code: str) -> None:
        """Take it back; revoking twice is the same as once."""
        ...


@runtime_checkable
class CodesTold(Protocol):
    """Beside Coupons, where orders say which codes of holds they used (``Order.hold_codes``).

    Only then does a code stand for a hold: of one that orders do not tell, the points would come
    back although they were used. The amounts of such an order's lines are before the code.
    """

    codes_told: bool


@runtime_checkable
class Storefront(Protocol):
    """Browsers of shoppers, whose requests the vendor passes on to us and vouches for. Pure."""

    def shopper(self, delivery: Delivery, now: datetime) -> ExternalRef | None:
        """Who is signed in at the vendor's shop; None: nobody.

        Raises SignatureInvalid for what the vendor has not passed on just now.
        """
        ...
