"""By what the ledger finds things: names that are more than one text."""

from datetime import date

OrderKey = tuple[str, str]
"""(connection, the vendor's order id)."""

SaleKey = tuple[str, str, str, date, int, str]
"""(connection, store, till, business day, settlement count, receipt number)."""

IdentityKey = tuple[str, str, bytes]
"""(kind, scope, blind index of the value)."""

RequestKey = tuple[str, str]
"""(scope, the caller's key)."""

QuotaKey = tuple[str, str]
"""(scope, period): what is limited, and for how long, such as a day or a campaign."""

ClaimKey = tuple[str, str, str]
"""(scope, period, claimant): the claimant is an order or a request."""

RefundKey = tuple[str, str, str]
"""(connection, order, the refund's own id)."""
