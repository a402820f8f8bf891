"""Who an identified person is: only proofs link, and proofs that disagree are for a person. Pure.

Rule 1 of the design (identity.md): an asserted address never links, on whichever side it is; that
would let anybody take over an account by typing it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from renkei_contracts.member import Grade

K = TypeVar("K")


@dataclass(frozen=True)
class Found:
    """The proofs name this member; ``also`` are others they name, perhaps the same person."""

    member: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class New:
    """No proof names anybody."""


def match(proofs: Sequence[K], known: Mapping[K, tuple[str, str]]) -> Found | New:
    """Whom these proofs, best first, name among the known (member, grade)."""
    named: list[str] = []
    for proof in proofs:
        member, grade = known.get(proof, ("", Grade.ASSERTED.value))
        if grade != Grade.ASSERTED and member not in named:
            named.append(member)
    return Found(named[0], tuple(sorted(named[1:]))) if named else New()
