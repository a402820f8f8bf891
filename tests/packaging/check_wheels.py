"""Build every published wheel, install them together in a clean environment, and use them there.

usage: check_wheels.py FOLDER
"""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.name for path in (ROOT / "plugins").iterdir() if path.is_dir())
GENERIC = {"hub", "plugins", "contracts", "tests"}


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def build(dist: Path) -> list[Path]:
    parts = [ROOT / "contracts", ROOT / "hub", *(ROOT / "plugins" / name for name in PLUGINS)]
    for part in parts:
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", dist, part)
    return sorted(dist.glob("*.whl"))


def check_contents(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert not tops & GENERIC, f"{wheel.name} would install {tops & GENERIC}"
    assert any(name.endswith("py.typed") for name in names), f"{wheel.name} is not typed"


def main(folder: Path) -> None:
    dist, home = folder / "dist", folder / "clean"
    wheels = build(dist)
    assert len(wheels) == len(PLUGINS) + 2, [wheel.name for wheel in wheels]
    for wheel in wheels:
        check_contents(wheel)
    venv.create(home, with_pip=True, clear=True)
    python = home / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", *wheels)
    run(python, "-m", "pip", "check")
    seen = json.loads(run(home / "bin" / "renkei", "plugins", "--json"))
    loaded = sorted(plugin["name"] for plugin in seen["plugins"])
    assert loaded == PLUGINS, f"found {loaded}, not {PLUGINS}"
    files = json.loads(
        run(
            python,
            "-c",
            "import json, renkei.storage.schema as s; print(json.dumps(s.newest()))",
        )
    )
    assert files, "the hub's wheel has no migrations"
    sys.stdout.write(f"{len(wheels)} wheels install together; plugins: {', '.join(loaded)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
