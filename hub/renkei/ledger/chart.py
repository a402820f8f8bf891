"""The chart of accounts: where points can be, and whose account it is."""

from enum import StrEnum


class Account(StrEnum):
    """A kind of account. The first four belong to a member, the others to the program.

    ``DEBT`` is zero or below; every other member account is zero or above. Over all accounts of a
    program the sum is always zero.
    """

    PENDING = "pending"
    AVAILABLE = "available"
    HELD = "held"
    DEBT = "debt"
    ISSUED = "issued"
    REDEEMED = "redeemed"
    EXPIRED = "expired"
    ADJUSTED = "adjusted"
    IMPORTED = "imported"
    EXCHANGED = "exchanged"


MEMBER_ACCOUNTS = (Account.PENDING, Account.AVAILABLE, Account.HELD, Account.DEBT)
"""A member's own accounts; every posting that touches one carries its allocations."""
