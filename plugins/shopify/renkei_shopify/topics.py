"""Webhook topics: those the hub needs, and all that the plugin knows."""

NEEDED = (
    "ORDERS_CREATE",
    "ORDERS_PAID",
    "ORDERS_UPDATED",
    "ORDERS_CANCELLED",
    "ORDERS_EDITED",
    "ORDERS_DELETE",
    "REFUNDS_CREATE",
    "CUSTOMERS_CREATE",
    "CUSTOMERS_UPDATE",
    "CUSTOMERS_DELETE",
)
"""Names as the Admin API has them."""

MERGES = "CUSTOMERS_MERGE"
"""Needs the scope read_customer_merge besides."""

KNOWN = frozenset(
    {
        *NEEDED,
        MERGES,
        "APP_UNINSTALLED",
        "CUSTOMERS_DISABLE",
        "CUSTOMERS_ENABLE",
        "ORDERS_FULFILLED",
        "ORDERS_PARTIALLY_FULFILLED",
    }
)
"""Those, and the others whose deliveries are read."""
