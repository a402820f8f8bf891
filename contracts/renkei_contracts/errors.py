"""The canonical errors, split by what the caller should do.

RenkeiError
├── TryLater                 the same call may succeed later
│   ├── RateLimited              after ``retry_after`` seconds, where the vendor says so
│   ├── Unavailable              the other side is down, slow or answers 5xx
│   └── OutcomeUnknown           it may have acted: read before repeating
├── Reauthorize              a person must authorize the connection again
│   └── AuthenticationFailed
├── GiveUp                   repeating cannot help
│   ├── NotFound                 no such thing at the vendor
│   │   └── NotYet                   it is there, but is not yet what was asked for
│   ├── Rejected                 the vendor refuses, and says why
│   └── UnsupportedFeature       it cannot be said to this vendor
├── FixData                  somebody must correct what was sent
│   ├── PayloadInvalid           a vendor's message that cannot be understood
│   └── SettingsInvalid          a connection's settings
└── Forged                   not from who it claims to be: store nothing, answer 401
    └── SignatureInvalid
"""


class RenkeiError(Exception):
    """Base of all: the message says what happened, to which thing, and what to do next."""


class TryLater(RenkeiError):
    """The same call may succeed later."""


class RateLimited(TryLater):
    """The vendor wants us to wait ``retry_after`` seconds (None: it did not say)."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(TryLater):
    """The other side is down, slow or answers with a fault of its own."""


class OutcomeUnknown(TryLater):
    """The connection broke after the request was sent: the vendor may have acted on it."""


class Reauthorize(RenkeiError):
    """A person must authorize the connection again."""


class AuthenticationFailed(Reauthorize):
    """The vendor does not accept our credentials or token."""


class GiveUp(RenkeiError):
    """Repeating the call cannot help."""


class NotFound(GiveUp):
    """The vendor has no such thing."""


class NotYet(NotFound):
    """It is there, but is not yet what was asked for: an order still in the checkout.

    The vendor tells when it is. Nobody has to look at it until then.
    """


class Rejected(GiveUp):
    """The vendor understood and refuses; its reason is in the message."""


class UnsupportedFeature(GiveUp):
    """This cannot be expressed to the vendor."""


class FixData(RenkeiError):
    """Somebody must correct what was sent."""


class PayloadInvalid(FixData):
    """A vendor's message that cannot be understood; it waits as a dead letter."""


class SettingsInvalid(FixData):
    """A connection's settings are incomplete or contradict each other."""


class Forged(RenkeiError):
    """Not from who it claims to be: nothing is stored, the answer is 401."""


class SignatureInvalid(Forged):
    """The signature, secret header or path does not match, or none is configured."""
