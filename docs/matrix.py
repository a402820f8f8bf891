"""Write the capability matrix into both READMEs from what the plugins announce.

usage: python docs/matrix.py [--check]
"""

import re
import sys
from pathlib import Path

from renkei.registry import capability_matrix, load_registry

ROOT = Path(__file__).parents[1]
READMES = (ROOT / "README.md", ROOT / "README.ja.md")
MARKED = re.compile(r"(<!-- matrix: [^>]*-->\n).*?(<!-- /matrix -->)", re.DOTALL)


def table() -> str:
    """One row a vendor, one column a capability that at least one vendor has."""
    vendors = sorted(load_registry().vendors.values(), key=lambda vendor: vendor.name)
    columns, marks = capability_matrix(vendors)
    rows = [["vendor", *columns], ["---"] * (len(columns) + 1)]
    for vendor, have in zip(vendors, marks, strict=True):
        rows.append([vendor.title, *("✔" if each else "" for each in have)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_matrix(text: str) -> str:
    """The text with a fresh matrix between its marks."""
    return MARKED.sub(lambda found: found[1] + table() + found[2], text)


def main() -> int:
    """Write, or with --check say whether something would change."""
    texts = {path: path.read_text("utf-8") for path in READMES}
    stale = [path for path, text in texts.items() if with_matrix(text) != text]
    if "--check" not in sys.argv:
        for path in stale:
            path.write_text(with_matrix(texts[path]), "utf-8")
        return 0
    for path in stale:
        sys.stderr.write(f"{path.name}: the matrix is stale; run python docs/matrix.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
