"""A complete plugin of an invented maker of registers; no entry point announces it."""
