"""Shops at vendors: rows, secrets, tokens, clients."""
