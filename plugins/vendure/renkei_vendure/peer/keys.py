"""Passwords of the shop, its administrator and its customers."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path


class Keys:
    """Passwords made up at random and kept in a file which only its owner reads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._values: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}

    def get(self, name: str) -> str:
        """Return the password with this name, the same for ever."""
        if name not in self._values:
            self._values[name] = secrets.token_urlsafe(24)
            draft = self._file.with_suffix(".new")
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(self._values))
            os.replace(draft, self._file)
        return self._values[name]
