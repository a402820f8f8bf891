"""Orders: seen, settled, refunded, found again; one sale told twice is one order."""
