"""The proof: a pair and the reference pair play the same steps and must end in the same state."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from renkei.pairing import script, script_trouble
from renkei.pairing.clock import PairClock
from renkei.pairing.play import Pair, Played, cart_stage, play, till_stage
from renkei.pairing.state import State, differences, state_hash
from renkei.pairing.step import Step, lacking
from renkei.storage.scratch import Scratch, scratch
from renkei_contracts.reference.cart import plugin as cart
from renkei_contracts.reference.till import plugin as till
from renkei_contracts.stage import Action, StageContext
from renkei_contracts.vendor import Vendor

STEPS = (*script.SCRIPT.steps, *script_trouble.SCRIPT.steps)


@dataclass(frozen=True)
class PairOutcome:
    """What came of a proof: the ``state`` at the end, its hash, and that of the reference pair.

    ``left_out`` are steps that one of the stages cannot do, with the reason. ``differences`` are
    the rows of the two states that differ, ``parted_at`` the first step after which any did.
    """

    pair: str
    steps: tuple[str, ...]
    left_out: Mapping[str, str]
    state_hash: str
    reference_hash: str
    state: State
    differences: tuple[str, ...]
    parted_at: str
    faults: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the pair is proven."""
        return bool(self.steps) and not self.faults and self.state_hash == self.reference_hash

    def document(self) -> dict[str, Any]:
        """Everything, for a program."""
        return {"ok": self.ok, **asdict(self), "seconds": round(self.seconds, 1)}


REFERENCE = Pair(cart.VENDOR, till.VENDOR)
"""The SDK's cart and till, which can do everything."""


async def prove_pair(cart: Vendor, till: Vendor, work_dir: Path) -> PairOutcome:
    """Prove that a cart and a till end in the ledger of the reference pair.

    Everything is played on twins on this machine; files go into ``work_dir``, databases into a
    scratch server that is gone afterwards. Raises TypeError where a vendor has no twin of its kind,
    EmbeddedRefused where no PostgreSQL can be started.
    """
    pair = Pair(cart, till)
    abilities(pair, work_dir)  # refused before a server is started for it
    with scratch(durable=False) as server:
        return await Prover(server, work_dir).prove(pair)


async def prove_vendor(vendor: Vendor, work_dir: Path) -> PairOutcome:
    """Prove a vendor with the reference partner; raises as ``prove_pair`` does."""
    if vendor.twin is None:
        raise TypeError(f"{vendor.name} has no twin")
    if vendor.twin(StageContext(work_dir)).kind == "till":
        return await prove_pair(REFERENCE.cart, vendor, work_dir)
    return await prove_pair(vendor, REFERENCE.till, work_dir)


@dataclass
class Prover:
    """Proves pairs on one scratch server; the reference is played once for each set of steps."""

    scratch: Scratch
    work_dir: Path
    reference: Pair = REFERENCE
    steps: Sequence[Step] = STEPS
    _kept: dict[tuple[str, ...], Played] = field(default_factory=dict)
    _runs: int = 0

    async def prove(self, pair: Pair) -> PairOutcome:
        """Play what both pairs can do on each, and compare."""
        able = [(abilities(one, self.work_dir), one) for one in (pair, self.reference)]
        reasons = {step.name: self._lacking(step, able) for step in self.steps}
        steps = [step for step in self.steps if not reasons[step.name]]
        expected = await self._referred(steps)
        played = await self._play(pair, steps)
        faults = [f"{self.reference.name}: {one}" for one in expected.faults] + played.faults
        return PairOutcome(
            pair=pair.name,
            steps=tuple(step.name for step in steps),
            left_out={name: why for name, why in reasons.items() if why},
            state_hash=state_hash(played.state),
            reference_hash=state_hash(expected.state),
            state=played.state,
            differences=tuple(differences(expected.state, played.state)),
            parted_at=_parted_at(expected, played),
            faults=tuple(faults),
            seconds=played.seconds,
        )

    @staticmethod
    def _lacking(step: Step, able: Sequence[tuple[tuple[Collection[Action], ...], Pair]]) -> str:
        found = ((pair, lacking(step, *can)) for can, pair in able)
        return "; ".join(f"{pair.name}: {what}" for pair, what in found if what)

    async def _referred(self, steps: Sequence[Step]) -> Played:
        names = tuple(step.name for step in steps)
        if names not in self._kept:
            self._kept[names] = await self._play(self.reference, steps)
        return self._kept[names]

    async def _play(self, pair: Pair, steps: Sequence[Step]) -> Played:
        return await play(pair, steps, self.scratch, self._folder())

    def _folder(self) -> Path:
        self._runs += 1
        folder = self.work_dir / f"run-{self._runs}"
        folder.mkdir(parents=True)
        return folder


def abilities(pair: Pair, work_dir: Path) -> tuple[Collection[Action], Collection[Action]]:
    """What cart and till can do, which their stages say before they are started.

    Raises TypeError where a vendor has no twin of its kind.
    """
    context = StageContext(work_dir, now=PairClock())
    return cart_stage(pair.cart, context).can, till_stage(pair.till, context).can


def _parted_at(expected: Played, played: Played) -> str:
    """Where the two first differ; empty where they end alike."""
    if expected.state == played.state:
        return ""
    both = zip(expected.states, played.states, strict=False)
    return next((name for (name, one), (_, other) in both if one != other), "the last step played")
