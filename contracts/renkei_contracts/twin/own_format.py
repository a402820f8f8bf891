"""The register's side of the ``till`` capability, which a vendor's twin provides."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from renkei_contracts.till import TillCommand
from renkei_contracts.twin.emitter import Outgoing


@runtime_checkable
class OwnFormat(Protocol):
    """A register that asks the hub in its vendor's own format."""

    def request(self, command: TillCommand) -> Outgoing:
        """What the register sends to ask this, as far as the format can say it.

        Raises NotImplementedError for a command that the format does not have.
        """
        ...

    def understood(self, body: bytes, content_type: str) -> Mapping[str, object]:
        """What the register takes from an answer: values by the field names of ``TillAnswer``."""
        ...
