"""A check: one behaviour every plugin must have, with the words that say what to do about it."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from renkei_contracts.stage import Action

if TYPE_CHECKING:
    from renkei_contracts.testing.bench import Bench

Run = Callable[["Bench"], Awaitable[None]]


class CheckFailed(AssertionError):
    """The plugin does not do what the check asks; the text says what it must do."""


class NotApplicable(Exception):
    """What the check is about does not occur at this vendor; the text says why."""


@dataclass(frozen=True)
class Check:
    """One check. ``name`` is a sentence and never changes: exemptions and lists refer to it.

    ``needs`` are the capabilities without which it does not apply, ``actions`` what the twin must
    be able to do. ``must_apply``: that it does not apply is missing for silver, unless exempt.
    """

    suite: str
    name: str
    run: Run
    needs: frozenset[str]
    actions: frozenset[Action] = frozenset()
    must_apply: bool = False

    @property
    def id(self) -> str:
        """How it is called everywhere: ``webhooks: an unsigned delivery is refused``."""
        return f"{self.suite}: {self.name}"


CHECKS: dict[str, Check] = {}
"""Every check by its id, in the order of the suites' files."""


class Suite:
    """Collects the checks of one suite. ``needs``: capabilities every one of them needs."""

    def __init__(self, name: str, *needs: str) -> None:
        self.name = name
        self._needs = frozenset(needs)

    def check(
        self, *actions: Action, needs: tuple[str, ...] = (), must_apply: bool = False
    ) -> Callable[[Run], Run]:
        """Register a function as a check; its name, with spaces, is the check's sentence."""

        def register(run: Run) -> Run:
            name = getattr(run, "__name__").replace("_", " ")  # noqa: B009 - any callable
            chosen = self._needs | set(needs)
            made = Check(self.name, name, run, chosen, frozenset(actions), must_apply)
            if made.id in CHECKS:
                raise ValueError(f"two checks are called {made.id!r}")
            CHECKS[made.id] = made
            return run

        return register


def must(holds: bool, what: str) -> None:
    """Fail the check unless it holds; ``what`` says what the plugin must do."""
    if not holds:
        raise CheckFailed(what)


@contextlib.contextmanager
def succeeds(what: str) -> Iterator[None]:
    """Fail the check when the block raises; ``what`` says what must happen instead."""
    try:
        yield
    except (CheckFailed, NotApplicable, NotImplementedError):
        raise
    except Exception as error:  # whatever a plugin raises is what is wrong with it
        raise CheckFailed(f"{what}, not raise {type(error).__name__}") from error
