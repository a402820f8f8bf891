"""The pair proof: one script, played by a cart and a till of two vendors on one real hub.

Whatever the vendors, the same script must end in the same ledger: docs/pairs.md.
"""
