"""The Merkle roots of sealed months, recomputed from every member's chain as it stood then."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from renkei.ledger.closing import leaf, node
from renkei.ledger.invariants import ROOTS, Finding
from renkei.ledger.micros import MICROS

SEALS = f"""
SELECT program_id, period, {MICROS.format("sealed_at")}, merkle_root
FROM period WHERE sealed_at IS NOT NULL AND merkle_root IS NOT NULL
ORDER BY program_id, sealed_at, period"""


@dataclass
class Tree:
    """A Merkle tree that takes one leaf at a time and keeps only its peaks."""

    _peaks: list[tuple[int, bytes]] = field(default_factory=list)

    def add(self, one: bytes) -> None:
        """The next leaf."""
        height = 0
        while self._peaks and self._peaks[-1][0] == height:
            one = node(self._peaks.pop()[1], one)
            height += 1
        self._peaks.append((height, one))

    def root(self) -> bytes:
        """The root over the leaves so far, as ``closing.merkle_root`` has it."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        *rest, (_, root) = self._peaks
        for _, left in reversed(rest):
            root = node(left, root)
        return root


@dataclass
class Seal:
    """A sealed month: when (microseconds since 1970), the root that is kept, and the tree."""

    program: str
    period: str
    at: int
    kept: bytes
    tree: Tree = field(default_factory=Tree)


class Seals:
    """The seals of every program, fed with the chains member by member."""

    def __init__(self, seals: Iterable[Seal]) -> None:
        self._of: dict[str, list[Seal]] = {}
        for seal in seals:
            self._of.setdefault(seal.program, []).append(seal)
        self._passed = 0

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._of)

    def moved_on(self, program: str, at: int, member: str, version: int, head: bytes) -> None:
        """The member's chain stood at this head until ``at``: the seals before it cover it."""
        seals = self._of.get(program, ())
        while self._passed < len(seals) and seals[self._passed].at < at:
            if version:
                seals[self._passed].tree.add(leaf(member, version, head))
            self._passed += 1

    def next_member(self) -> None:
        """The member's chain is at its end."""
        self._passed = 0

    def broken(self) -> list[Finding]:
        """The seals whose root is another than the one that is kept."""
        every = (seal for seals in self._of.values() for seal in seals)
        return [
            Finding(
                ROOTS,
                f"program {seal.program} period {seal.period}",
                "the members' chains as they stood at its seal give another root",
            )
            for seal in every
            if seal.tree.root() != seal.kept
        ]
