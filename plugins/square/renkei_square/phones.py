"""Japanese telephone numbers as Square Loyalty wants them. Pure."""

import re

from renkei_contracts.toolkit.japanese import fold

NATIONAL = re.compile(r"0([0-9]{9,10})")
INTERNATIONAL = re.compile(r"\+[0-9]{9,15}")


def e164(phone: str) -> str | None:
    """``090-1234-5678`` as ``+819012345678``; None for what is no number that can be dialled."""
    plain = re.sub(r"[ ()\-]", "", fold(phone))
    if INTERNATIONAL.fullmatch(plain):
        return plain
    national = NATIONAL.fullmatch(plain)
    return f"+81{national[1]}" if national else None
