"""Complete plugins of invented vendors: examples for integrators, and partners for every proof.

None is announced by an entry point: no shop can be connected to a vendor that does not exist.
"""
