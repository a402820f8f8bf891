"""One HTTP request by which a vendor tells us something, exactly as it came."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Delivery:
    """Raw headers and raw body; nothing here was checked or decoded.

    ``received_at`` is UTC. ``path_secret`` is the last part of the address the vendor called,
    for vendors that sign nothing. ``path`` is what follows the connection in the address of a
    register that asks in its own format, decoded, and ``query`` what it asks there, as sent.
    Bodies, headers and addresses stay out of ``repr`` and so out of logs.
    """

    connection: str
    received_at: datetime
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    path_secret: str = field(default="", repr=False)
    method: str = "POST"
    path: str = field(default="", repr=False)
    query: str = field(default="", repr=False)

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case, or None."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)
