"""How things are named: a vendor's ids only as (connection, id), ours with a prefix."""

from renkei_contracts.base import Canonical, Key, Slug


class ExternalRef(Canonical):
    """A vendor's id together with the connection it is an id of; the only way it is ever kept."""

    connection: Slug
    id: Key

    def __str__(self) -> str:
        return f"{self.connection}/{self.id}"


def prefixed(prefix: str, unique: str) -> str:
    """An id of ours, e.g. ``mem_0192f0c1…``; ``unique`` must be time-ordered for sorting."""
    return f"{prefix}_{unique}"
