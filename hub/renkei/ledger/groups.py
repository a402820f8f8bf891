"""Who counts together with whom, by the pointers of merged members. Pure."""

from collections.abc import Mapping

from renkei.errors import BooksBroken


def root_of(member: str, merged: Mapping[str, str | None]) -> str:
    """Where the pointers of this member end."""
    seen = {member}
    while (into := merged.get(member)) is not None:
        if into in seen:
            raise BooksBroken(f"the merges of {member} form a circle")
        seen.add(into)
        member = into
    return member


def groups_in(merged: Mapping[str, str | None]) -> dict[str, tuple[str, ...]]:
    """Root → everyone who counts there, root first; members merged with nobody are left out."""
    groups: dict[str, list[str]] = {}
    for member in sorted(one for one, into in merged.items() if into is not None):
        root = root_of(member, merged)
        groups.setdefault(root, [root]).append(member)
    return {root: tuple(members) for root, members in groups.items()}
