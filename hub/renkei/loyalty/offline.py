"""What tills may let members use while they are offline. Pure."""

from typing import Annotated

from pydantic import Field

from renkei_contracts.base import Canonical

HOURS_OF_A_WEEK = 168


class Offline(Canonical):
    """Limits of one allowance: points, hours of use, and hours after them to report it; 0: none."""

    points: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 0
    hours: Annotated[int, Field(strict=True, ge=0, le=HOURS_OF_A_WEEK)] = 0
    grace_hours: Annotated[int, Field(strict=True, ge=0, le=4 * HOURS_OF_A_WEEK)] = 24

    @property
    def allowed(self) -> bool:
        """Whether points may be used offline at all."""
        return self.points > 0 and self.hours > 0
