"""A real Tryton point of sale on this machine, for ``renkei demo --real`` and the tests."""
