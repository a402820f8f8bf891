"""The hub's own errors, branches of the canonical tree in renkei_contracts.errors.

Renkei errors (contracts)
├── FixData
│   ├── ConfigInvalid            the installation: settings, secret key, data folder
│   ├── UnknownVendor            no such plugin is installed
│   ├── UnknownConnection        no such connection
│   └── UnknownMember            no such member or card
├── TryLater
│   ├── DatabaseUnreachable
│   └── Busy                     the hub takes no more for the moment
├── GiveUp
│   ├── TillRefused              what a register asked for is not possible, and why
│   └── SealBroken               sealed bytes do not open: wrong key, or changed behind our back
└── LedgerFault                  a bug of ours: nothing was booked
    ├── PostingNotAllowed            a movement that is not in the table of rules
    └── BooksBroken                  a decision that would break an invariant
"""

from renkei_contracts.errors import FixData, GiveUp, RenkeiError, TryLater
from renkei_contracts.till import TillProblem


class ConfigInvalid(FixData):
    """The installation's settings; the message is one line that says what to do."""


class UnknownVendor(FixData):
    """No plugin of this name is installed."""


class UnknownConnection(FixData):
    """No connection of this name exists."""


class UnknownMember(FixData):
    """No member has this id or card."""


class DatabaseUnreachable(TryLater):
    """The database does not answer, or refuses us."""


class Busy(TryLater):
    """The hub takes no more for the moment; ``retry_after`` is in seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TillRefused(GiveUp):
    """A register's request is refused; ``problem`` is for the cashier, ``status`` for HTTP."""

    def __init__(self, problem: TillProblem, status: int) -> None:
        super().__init__(f"{problem.code}: {problem.message}")
        self.problem = problem
        self.status = status


class SealBroken(GiveUp):
    """Sealed bytes do not open: another key, another place, or changed behind our back."""


class LedgerFault(RenkeiError):
    """A bug of ours in the ledger's decisions: nothing was booked."""


class PostingNotAllowed(LedgerFault):
    """A movement that is not in the table of posting rules."""


class BooksBroken(LedgerFault):
    """A decision that would take more from a lot than it holds, or leave sums unequal."""
