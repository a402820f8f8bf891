"""Write the files that docs/writing-a-plugin.md shows into a rendered project.

usage: python docs/plugin_page.py FOLDER
"""

import re
import sys
from pathlib import Path

PAGE = Path(__file__).parent / "writing-a-plugin.md"
BLOCK = re.compile(
    r"(?:^`(?P<file>\S+)`:\n\n)?^```(?:python|json)\n(?P<text>.*?)^```$", re.DOTALL | re.M
)


def shown_files() -> dict[str, str]:
    """The text of each file by its path in the project; a block of no file has an empty one."""
    found = BLOCK.finditer(PAGE.read_text("utf-8"))
    return {block["file"] or "": block["text"] for block in found}


def main() -> int:
    """Write them all."""
    folder = Path(sys.argv[1])
    for file, text in shown_files().items():
        (folder / file).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
