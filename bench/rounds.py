"""The rounds: every sample once in round 1, every sample once in round 2, and so on."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from bench.ground import Ground
from bench.samples import SAMPLES
from bench.server import running_server
from bench.thresholds import Figure, samples_of


async def run(
    folder: Path,
    figures: Sequence[Figure],
    rounds: int,
    tell: Callable[[str], None],
    pgledger: Path | None = None,
) -> dict[str, list[float]]:
    """Each sample's value in each round, on a server of our own in ``folder``."""
    names = samples_of(tuple(figures))
    values: dict[str, list[float]] = {name: [] for name in names}
    with running_server(folder) as server:
        async with AsyncExitStack() as stack:
            ground = Ground(server, stack, pgledger)
            for name in names:
                tell(f"preparing {name}")
                await SAMPLES[name].prepare(ground)
            for number in range(1, rounds + 1):
                ground.noted.clear()
                for name in names:
                    values[name].append(await SAMPLES[name].take(ground))
                    tell(f"round {number}/{rounds}: {name} {values[name][-1]:,.2f}")
    return values
