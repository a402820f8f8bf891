"""What `renkei doctor` looks at: each check says what it found and, where needed, what to do."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from renkei.cli.invocation import Invocation
from renkei.cli.running import missing_fast_parts
from renkei.config import ENV_PREFIX, Settings, key_in
from renkei.errors import ConfigInvalid
from renkei.registry import load_registry

KEY_FILE = "secret.key"

ALIKE = 0.85
"""From how alike on a name in the environment is taken for a setting's that is written wrongly."""


@dataclass(frozen=True)
class Finding:
    """One check: what was found, and how to mend it where it is not as it should be."""

    check: str
    ok: bool
    said: str
    mend: str = ""

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return asdict(self)


def judged(check: str, wrong: Sequence[str], mend: str, well: str) -> Finding:
    """Everything that is wrong; where nothing is, what is well."""
    if wrong:
        return Finding(check, False, "; ".join(wrong), mend)
    return Finding(check, True, well)


def examine(given: Invocation) -> list[Finding]:
    """Every check that can be made; without settings there are no others."""
    try:
        settings = given.load()
    except ConfigInvalid as error:
        return [Finding("settings", False, str(error), "correct it, and run doctor again")]
    findings = [environment(os.environ), data_folder(settings.data_dir)]
    findings += [fast_parts(), *plugins(settings)]
    findings.append(secret_key(settings))
    if all(finding.ok for finding in findings if finding.check == "data folder"):
        from renkei.cli.doctor_database import database

        findings += database(settings)
    return findings


def environment(names: Iterable[str]) -> Finding:
    """The settings, and what in the environment looks like one and is none."""
    known = {f"{ENV_PREFIX}{name}".upper() for name in Settings.model_fields}
    ours = [name for name in sorted(names) if name.startswith(ENV_PREFIX) and name not in known]
    meant = {name: near for name in ours if (near := get_close_matches(name, known, 1, ALIKE))}
    wrong = [f"{name} sets nothing: perhaps {near[0]} is meant" for name, near in meant.items()]
    return judged("settings", wrong, "correct its name, or remove it", "complete")


def data_folder(folder: Path) -> Finding:
    """Whether the hub's own files can be kept."""
    try:
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
    except OSError as error:
        mend = "choose another with RENKEI_DATA_DIR"
        return Finding("data folder", False, f"{folder} cannot be used ({error.strerror})", mend)
    usable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    if not usable:
        mend = f"let this user write to {nearest}, or choose another with RENKEI_DATA_DIR"
        return Finding("data folder", False, f"{folder} cannot be used", mend)
    made = "" if nearest == folder else " (made at the first start)"
    return Finding("data folder", True, f"{folder}{made}")


def fast_parts() -> Finding:
    """Whether the compiled parts of the web server are there."""
    missing = missing_fast_parts()
    if missing:
        mend = "pip install " + " ".join(missing)
        return Finding("web server", False, f"slow without {', '.join(missing)}", mend)
    return Finding("web server", True, "uvloop and httptools")


def plugins(settings: Settings) -> Iterator[Finding]:
    """The plugins that load, and one finding for each that does not."""
    registry = load_registry(settings.disabled_plugins)
    names = ", ".join(registry.vendors) or "none installed"
    mend = "" if registry.vendors else "pip install renkei-<vendor>"
    yield Finding("plugins", bool(registry.vendors), names, mend)
    for name, reason in registry.broken.items():
        mend = f"or switch it off: RENKEI_DISABLED_PLUGINS={name}"
        yield Finding(f"plugin {name}", False, reason, mend)


def secret_key(settings: Settings) -> Finding:
    """Whether there is a key, and whether only the hub can read it."""
    if settings.secret_key is not None:
        return Finding("secret key", True, "in the settings")
    file = settings.data_dir / KEY_FILE
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return Finding("secret key", True, "made at the first start")
    except OSError as error:
        return Finding("secret key", False, f"{file}: {error.strerror}", "make it readable")
    if stat.S_IMODE(mode) & 0o077:
        return Finding("secret key", False, f"{file} can be read by others", f"chmod 600 {file}")
    try:
        key_in(file)
    except ConfigInvalid as error:
        return Finding("secret key", False, str(error), "do what it says, and run doctor again")
    return Finding("secret key", True, str(file))
