"""What a cashier may give or take by hand. Pure."""

from typing import Annotated

from pydantic import Field

from renkei_contracts.base import Canonical

Limit = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class Override(Canonical):
    """Limits in points, either way: at once, and for one till on one business day; 0: never."""

    points: Limit = 0
    per_day: Limit = 0

    @property
    def allowed(self) -> bool:
        """Whether cashiers may do it at all."""
        return self.points > 0 and self.per_day > 0
