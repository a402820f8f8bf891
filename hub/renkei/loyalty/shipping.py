"""When shipping is free: what a cart is told with its quote. Pure."""

from renkei.loyalty.terms import Whole
from renkei_contracts.base import Canonical


class Shipping(Canonical):
    """Free from ``free_from`` yen on (tax included, after coupons, before points), or at pick-up.

    ``free_at_pickup``: whatever is collected in a store ships free, below that line, too.
    """

    free_from: Whole | None = None
    free_at_pickup: bool = False

    def is_free(self, yen: int, *, pickup: bool) -> bool:
        """Whether a sale of so many yen ships free."""
        return (self.free_from is not None and yen >= self.free_from) or (
            pickup and self.free_at_pickup
        )
