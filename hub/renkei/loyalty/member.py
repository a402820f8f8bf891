"""What is known of a member when a sale is evaluated, and stays with the sale. Pure."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from renkei.ledger.past import Past
from renkei.loyalty.context import MemberFacts
from renkei.loyalty.program import Program
from renkei.loyalty.tiers import tier_at

LEAP_YEAR = 2000
"""Birthdays are kept without their year; every day of a year is one of a leap year."""

Kept = Mapping[str, Any]
"""What a sale keeps of its member, as JSON: only what its rules ask for and what was known."""


def facts_at(rules: Program, past: Past, at: datetime) -> Kept:
    """What the rules ask for, of a sale at that instant; ``past`` is without the sale itself."""
    known: dict[str, Any] = {}
    if "tier" in rules.asks_of_members:
        known["tier"] = tier_at(rules.tiers, past.sales, at, rules.clock)
    if "first_purchase" in rules.asks_of_members:
        known["first_purchase"] = past.first_at is None or past.first_at > at
    if "birthday" in rules.asks_of_members and past.birthday:
        known["birthday"] = past.birthday
    return known


def member_facts(kept: Kept) -> MemberFacts:
    """What was kept, as conditions see it."""
    month, _, day = kept.get("birthday", "").partition("-")
    return MemberFacts(
        tier=kept.get("tier", ""),
        birthday=date(LEAP_YEAR, int(month), int(day)) if day else None,
        first_purchase=kept.get("first_purchase", False),
    )
