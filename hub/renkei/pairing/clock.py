"""The one clock of the hub and both stages while a script is played."""

from datetime import UTC, datetime, timedelta


class PairClock:
    """Goes as the machine's clock does, and jumps over what would only be waited for.

    So it is ahead of the database's: what happens in the shops happens, for the ledger, at once.
    """

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC) + self._ahead

    def forward(self, by: timedelta) -> None:
        """Jump, never back."""
        self._ahead += max(by, timedelta())

    def forward_to(self, at: datetime) -> None:
        """Jump there, unless it is over already."""
        self.forward(at - self())
