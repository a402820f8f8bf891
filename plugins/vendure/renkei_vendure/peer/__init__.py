"""A real Vendure shop on this machine, for ``renkei demo --real`` and the end-to-end tests."""
