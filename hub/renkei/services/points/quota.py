"""Quotas as commands: open one, claim from it."""

from dataclasses import dataclass

from renkei.errors import BookingRefused
from renkei.ledger.keys import QuotaKey
from renkei.ledger.quotas import Quota
from renkei.ledger.world import Needs
from renkei.services.attempt import Attempt
from renkei.services.rules import require_amount, require_name


@dataclass(frozen=True)
class OpenQuota:
    """Set a limit for a scope and a period; doing it again is the same as once.

    Raises RequestInvalid, and BookingRefused where another limit was set before.
    """

    scope: str
    period: str
    limit: int

    @property
    def key(self) -> QuotaKey:
        """The quota's name."""
        return (self.scope, self.period)

    def __post_init__(self) -> None:
        """Names that no database keeps are refused before they are looked for."""
        require_name("scope", self.scope)
        require_name("period", self.period)

    def needs(self) -> Needs:
        """The quota."""
        return Needs(quotas=frozenset({self.key}))

    def decide(self, attempt: Attempt) -> Quota:
        """The quota as it stands."""
        require_amount("limit", self.limit)
        known = attempt.world.quotas.get(self.key)
        if known is None:
            known = attempt.staged.new_quotas[self.key] = Quota(self.limit, 0)
        if known.limit != self.limit:
            raise BookingRefused(
                "quota_differs",
                f"quota {self.scope}/{self.period} has the limit {known.limit}, not {self.limit}",
            )
        return known


@dataclass(frozen=True)
class ClaimQuota:
    """Claim up to ``wanted`` in all for a claimant (an order, a request).

    A claim is a high-water mark: never handed back, and claiming the same again changes nothing.
    Raises RequestInvalid, UnknownQuota.
    """

    scope: str
    period: str
    claimant: str
    wanted: int

    def __post_init__(self) -> None:
        """Names that no database keeps are refused before they are looked for."""
        for field in ("scope", "period", "claimant"):
            require_name(field, getattr(self, field))

    def needs(self) -> Needs:
        """The quota, and what was claimed before."""
        return Needs(claims=frozenset({(self.scope, self.period, self.claimant)}))

    def decide(self, attempt: Attempt) -> int:
        """How much of ``wanted`` the claimant may use."""
        if self.wanted != 0:
            require_amount("wanted", self.wanted)
        return attempt.claim((self.scope, self.period, self.claimant), self.wanted)
