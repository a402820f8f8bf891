"""Write the capability matrix into both READMEs from what the plugins announce.

usage: python docs/matrix.py [--check]
"""

import re
import sys
from pathlib import Path

from renkei.registry import capability_matrix, load_registry

ROOT = Path(__file__).parents[1]
WORDS = {
    "vendor": "ベンダー",
    "webhooks": "Webhook",
    "orders": "注文",
    "members": "会員",
    "member creation": "会員作成",
    "balances": "残高反映",
    "stock": "在庫",
    "products": "商品",
    "coupons": "クーポン",
    "install": "アプリ導入",
    "facts": "天候などの事実",
    "check": "接続確認",
    "storefront": "ストアフロント",
    "twin": "擬似環境",
    "real peer": "実ソフトで検証",
}
"""The columns in Japanese."""

READMES: dict[Path, dict[str, str]] = {ROOT / "README.md": {}, ROOT / "README.ja.md": WORDS}
MARKED = re.compile(r"(<!-- matrix: [^>]*-->\n).*?(<!-- /matrix -->)", re.DOTALL)


def table(words: dict[str, str]) -> str:
    """One row a vendor, one column a capability that at least one vendor has."""
    vendors = sorted(load_registry().vendors.values(), key=lambda vendor: vendor.name)
    columns, marks = capability_matrix(vendors)
    heads = [words.get(one, one) for one in ("vendor", *columns)]
    rows = [heads, ["---"] * (len(columns) + 1)]
    for vendor, have in zip(vendors, marks, strict=True):
        rows.append([vendor.title, *("✔" if each else "" for each in have)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_matrix(text: str, words: dict[str, str]) -> str:
    """The text with a fresh matrix between its marks."""
    return MARKED.sub(lambda found: found[1] + table(words) + found[2], text)


def main() -> int:
    """Write, or with --check say whether something would change."""
    texts = {path: path.read_text("utf-8") for path in READMES}
    fresh = {path: with_matrix(texts[path], words) for path, words in READMES.items()}
    stale = [path for path in READMES if fresh[path] != texts[path]]
    if "--check" not in sys.argv:
        for path in stale:
            path.write_text(fresh[path], "utf-8")
        return 0
    for path in stale:
        sys.stderr.write(f"{path.name}: the matrix is stale; run python docs/matrix.py\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
