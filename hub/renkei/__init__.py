"""Renkei: the hub. One ledger for the members and points of every cart and till."""

__version__ = "0.1.0"
