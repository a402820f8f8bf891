"""Build every published wheel, install them together in a clean environment, and use them there.

A stranger's plugin is written, tested and built with nothing but the contracts' wheel; beside the
hub's wheel it is found and checked.

usage: check_wheels.py FOLDER
"""

import json
import subprocess
import sys
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if path.is_dir())
GENERIC = {"hub", "plugins", "contracts", "tests"}


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def build(dist: Path, *parts: Path) -> list[Path]:
    command = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", dist)
    with ThreadPoolExecutor(2) as two:
        list(two.map(lambda part: run(*command, part), parts))
    return sorted(dist.glob("*.whl"))


def environment(home: Path, *wanted: Path | str) -> Path:
    """A clean environment with these installed; gives its programs' folder."""
    venv.create(home, with_pip=True, clear=True)
    run(home / "bin" / "python", "-m", "pip", "install", "--quiet", *wanted)
    run(home / "bin" / "python", "-m", "pip", "check")
    return home / "bin"


def check_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert not tops & GENERIC, f"{wheel.name} would install {tops & GENERIC}"
    assert any(name.endswith("py.typed") for name in names), f"{wheel.name} is not typed"


def check_hub(programs: Path) -> None:
    """It knows every bundled plugin, and has its migrations."""
    loaded = plugins_of(programs)
    assert loaded == PLUGINS, f"found {loaded}, not {PLUGINS}"
    newest = "import json, renkei.storage.schema as s; print(json.dumps(s.newest()))"
    assert json.loads(run(programs / "python", "-c", newest)), "the hub's wheel has no migrations"


def plugins_of(programs: Path) -> list[str]:
    seen = json.loads(run(programs / "renkei", "plugins", "--json"))
    return sorted(plugin["name"] for plugin in seen["plugins"])


def write_plugin(folder: Path, contracts: Path) -> Path:
    """The plugin of docs/writing-a-plugin.md, by somebody who has the contracts' wheel only."""
    programs = environment(folder / "author", f"{contracts}[testing]")
    project = folder / "renkei-acme"
    make = "import pathlib, sys; from renkei_contracts.scaffold import new_plugin; "
    make += "new_plugin('acme', 'cart', pathlib.Path(sys.argv[1]))"
    run(programs / "python", "-c", make, project)
    run(programs / "python", ROOT / "docs" / "plugin_page.py", project)
    (wheel,) = build(folder / "acme", project)
    run(programs / "python", "-m", "pip", "install", "--quiet", wheel)
    run(programs / "python", "-m", "pytest", "-q", project)
    return wheel


def check_strangers_plugin(programs: Path, wheel: Path) -> str:
    """The hub finds it and checks it; gives its tier."""
    run(programs / "python", "-m", "pip", "install", "--quiet", wheel)
    assert "acme" in plugins_of(programs)
    return checked(programs, "acme")


def checked(programs: Path, plugin: str) -> str:
    """Run its suites where no pytest is, with what the wheels hold; gives the tier."""
    told = json.loads(run(programs / "renkei", "check", plugin, "--json"))
    return f"{plugin} {told['tier']} in {told['seconds']} s"


def check_refusal(programs: Path) -> None:
    """Where copier is missing, one line says what to install."""
    command: list[str | Path] = [programs / "renkei", "new-plugin", "acme", "--kind", "cart"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2, refused
    assert "pip install 'renkei-contracts[testing]'" in refused.stderr


def main(folder: Path) -> None:
    parts = [ROOT / "contracts", ROOT / "hub", *(ROOT / "plugins" / name for name in PLUGINS)]
    wheels = build(folder / "dist", *parts)
    assert len(wheels) == len(parts), [wheel.name for wheel in wheels]
    for wheel in wheels:
        check_contents(wheel)
    contracts = next(wheel for wheel in wheels if wheel.name.startswith("renkei_contracts-"))
    with ThreadPoolExecutor(2) as two:
        strange = two.submit(write_plugin, folder, contracts)
        programs = two.submit(environment, folder / "clean", *wheels).result()
        check_hub(programs)
        check_refusal(programs)
        tiers = list(two.map(lambda plugin: checked(programs, plugin), PLUGINS))
    tiers.append(check_strangers_plugin(programs, strange.result()))
    sys.stdout.write(f"{len(wheels)} wheels install together: {'; '.join(tiers)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
