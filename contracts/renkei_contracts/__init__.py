"""The contracts of Renkei: what hub and plugins agree on. Imports nobody of ours."""

__version__ = "0.2.6"
