"""Open-Meteo for Renkei: whether it rains, for each area and day."""

from renkei_openmeteo.plugin import register_vendor

__version__ = "0.1.0"

__all__ = ["__version__", "register_vendor"]
