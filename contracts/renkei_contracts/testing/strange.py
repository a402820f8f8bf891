"""What a plugin may be handed although no vendor would send it."""

import re
from collections.abc import Sequence


def strange_ids(id: str) -> Sequence[str]:
    """Ids that nobody has: one of the right form, and some that change a path or a query."""
    absent = re.sub(r"[0-9]", "9", id) if re.search(r"[0-9]", id) else f"{id}9"
    return (
        absent if absent != id else f"{id}9",
        f"{id}/../{id}",
        f"{id}?a=b",
        f"{id}#a",
        f"{id} ",
        "../" + id,
        "' OR ''='",
        "山",
        "9" * 200,
    )
