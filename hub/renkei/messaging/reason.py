"""Why something failed, in words that may be kept: no secrets, no personal data. Pure."""

import traceback
from pathlib import Path

from renkei_contracts.errors import RenkeiError

LENGTH = 500
ID_LENGTH = 200


def reason_of(error: BaseException) -> str:
    """A canonical error's own words; of any other only its name, as its text may hold anything."""
    if isinstance(error, RenkeiError) and str(error):
        return storable(str(error), LENGTH)
    return type(error).__name__


def storable(text: str, length: int = LENGTH) -> str:
    """As PostgreSQL can keep it: without NUL and lone surrogates, bounded."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:length]


def place_of(error: BaseException) -> str:
    """Where it was raised, for the log: a traceback without texts, which may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{Path(at.filename).name}:{at.lineno}" for at in reversed(frames[-4:]))
