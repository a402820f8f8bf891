"""The hub's own errors, branches of the canonical tree in renkei_contracts.errors.

Renkei errors (contracts)
├── FixData
│   ├── ConfigInvalid            the installation: settings, secret key, data folder
│   ├── UnknownVendor            no such plugin is installed
│   ├── UnknownConnection        no such connection
│   ├── UnknownTerminal          no such register, application or gateway
│   ├── UnknownMember            no such member or card
│   ├── UnknownOrder             no such order, and no delivery that tells of it
│   ├── UnknownProgram           no such program, or preset
│   ├── ProgramInvalid           a document that is no program: every fault, with its place
│   ├── FileInvalid              a table that cannot be read: every fault, with its line
│   ├── UnknownQuota             no such quota
│   ├── BackupRefused            a backup that is not written or brought back, and why
│   └── RequestInvalid           a value that cannot be booked: names the field and the value
├── TryLater
│   ├── DatabaseUnreachable
│   └── Busy                     the hub takes no more for the moment
├── GiveUp
│   ├── TillRefused              what a register asked for is not possible, and why
│   ├── BookingRefused           what was asked for is not possible, and why
│   ├── KeyReused                the key was used before, for something else
│   ├── PeriodNotOpen            the month named takes no entries
│   ├── BodyGone                 a delivery's bytes are not kept any more
│   └── SealBroken               sealed bytes do not open: wrong key, or changed behind our back
└── LedgerFault                  a bug of ours: nothing was booked
    ├── PostingNotAllowed            a movement that is not in the table of rules
    └── BooksBroken                  a decision that would break an invariant
"""

from collections.abc import Mapping
from typing import Any

from renkei_contracts.base import SLUG
from renkei_contracts.errors import FixData, GiveUp, RenkeiError, TryLater
from renkei_contracts.till import TillProblem

NO_SLUG = "is a name of a-z, 0-9 and hyphens, 63 at most (what people read is its title, if any)"
"""Said of whatever is named; the pattern itself tells a merchant nothing."""


def fault_words(fault: Mapping[str, Any]) -> str:
    """What one fault of pydantic says, without the library's own words before a validator's."""
    words = str(fault["msg"]).removeprefix("Value error, ")
    return NO_SLUG if SLUG in words else words


class ConfigInvalid(FixData):
    """The installation's settings; the message is one line that says what to do."""


class UnknownVendor(FixData):
    """No plugin of this name is installed."""


class UnknownConnection(FixData):
    """No connection of this name exists."""


class UnknownTerminal(FixData):
    """No terminal has this id."""


class UnknownMember(FixData):
    """No member has this id or card."""


class UnknownOrder(FixData):
    """No order has this name or number, and no delivery that is kept tells of it."""


class UnknownProgram(FixData):
    """No program, or no preset, has this name."""


class ProgramInvalid(FixData):
    """A document that is no program; ``faults`` names each with its place."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class FileInvalid(FixData):
    """A file that cannot be taken in; ``faults`` names each with its line. Nothing was taken."""

    def __init__(self, file: str, faults: list[str]) -> None:
        super().__init__(f"{file}: {'; '.join(faults)}")
        self.faults = faults


class UnknownQuota(FixData):
    """No quota has been opened for this scope and period."""


class BackupRefused(FixData):
    """A backup is not written, or not brought back; the message is one line that says why."""


class RequestInvalid(FixData):
    """A value that cannot be booked; ``field`` and ``value`` say which."""

    def __init__(self, field: str, value: object, why: str) -> None:
        super().__init__(f"{field} {value!r:.80}: {why}")
        self.field = field
        self.value = value
        self.why = why


class DatabaseUnreachable(TryLater):
    """The database does not answer, or refuses us."""


class Busy(TryLater):
    """The hub takes no more for the moment; ``retry_after`` is in seconds."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TillRefused(GiveUp):
    """A register's request is refused; ``problem`` is for the cashier, ``status`` for HTTP.

    ``about`` names, for a person at the hub, the value that is meant.
    """

    def __init__(self, problem: TillProblem, status: int, about: str = "") -> None:
        meant = f" ({about!r:.80})" if about else ""
        super().__init__(f"{problem.code}: {problem.message}{meant}")
        self.problem = problem
        self.status = status


class BookingRefused(GiveUp):
    """What was asked for is not possible as the books stand; ``code`` names the reason."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class KeyReused(GiveUp):
    """The same key was used before with other content; nothing is booked."""

    def __init__(self, scope: str, key: str) -> None:
        super().__init__(f"the key {key!r:.80} was used before in {scope}, with other content")
        self.scope = scope
        self.key = key


class PeriodNotOpen(GiveUp):
    """The month named takes no entries: it is sealed, or nothing was ever booked in it."""

    def __init__(self, program: str, period: str) -> None:
        super().__init__(f"period {period!r:.20} of program {program} is not open")
        self.program = program
        self.period = period


class BodyGone(GiveUp):
    """What a delivery said is not kept any more: only that it came, and what became of it."""


class SealBroken(GiveUp):
    """Sealed bytes do not open: another key, another place, or changed behind our back."""


class LedgerFault(RenkeiError):
    """A bug of ours in the ledger's decisions: nothing was booked."""


class PostingNotAllowed(LedgerFault):
    """A movement that is not in the table of posting rules."""


class BooksBroken(LedgerFault):
    """A decision that would take more from a lot than it holds, or leave sums unequal."""
