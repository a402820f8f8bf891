"""The options every command shares, and the settings they lead to."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from renkei.config import Settings, load_settings
from renkei.errors import ConfigInvalid


@dataclass(frozen=True)
class Invocation:
    """One run of the program, before its command."""

    config: Path | None = None
    data_dir: Path | None = None
    debug: bool = False

    def load(self, **overrides: Any) -> Settings:
        """The settings as they are; raises ConfigInvalid."""
        return load_settings(self.config, data_dir=self.data_dir, **overrides)

    def settings(self, **overrides: Any) -> Settings:
        """The settings, with a data folder that can be used; raises ConfigInvalid."""
        settings = self.load(**overrides)
        require_data_dir(settings)
        return settings


def invocation(context: typer.Context) -> Invocation:
    """The options given before the command."""
    found = context.find_object(Invocation)
    return found or Invocation()


def require_data_dir(settings: Settings) -> None:
    """Make the data folder where it is missing; raises ConfigInvalid where it cannot be used."""
    folder = settings.data_dir
    try:
        folder.mkdir(mode=0o755 if _root() else 0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigInvalid(
            f"the data folder {folder} cannot be made ({error.strerror}): "
            "choose another with --data-dir or RENKEI_DATA_DIR"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigInvalid(
            f"the data folder {folder} is not writable: make it so, or choose another with "
            "--data-dir or RENKEI_DATA_DIR"
        )


def _root() -> bool:
    """Under root the embedded database runs as another user, who must pass through the folder."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
