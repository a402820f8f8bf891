"""Seeded traffic on the real ledger and a real database, judged afterwards."""
