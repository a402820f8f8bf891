"""Personal data, sealed under a key per member, which is destroyed when they are erased."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from renkei.storage.sealed import KeyRing


@dataclass(frozen=True)
class Names:
    """A person's names as the shop wrote them."""

    family: str
    given: str


def sealed_names(ring: KeyRing, key: bytes, member: str, names: Names) -> bytes:
    """The profile's sealed bytes."""
    text = json.dumps({"family": names.family, "given": names.given}, ensure_ascii=False)
    return ring.seal_for(key, text.encode(), f"member/{member}/profile")


def opened_names(ring: KeyRing, key: bytes, member: str, sealed: bytes) -> Names:
    """The names again; raises SealBroken."""
    content = json.loads(ring.open_for(key, sealed, f"member/{member}/profile"))
    return Names(content["family"], content["given"])


def sealed_identity(ring: KeyRing, key: bytes, member: str, value: str) -> bytes:
    """An identity's sealed value."""
    return ring.seal_for(key, value.encode(), f"member/{member}/identity")


def opened_identity(ring: KeyRing, key: bytes, member: str, sealed: bytes) -> str:
    """The value again; raises SealBroken."""
    return ring.open_for(key, sealed, f"member/{member}/identity").decode()


def sealed_note(ring: KeyRing, key: bytes, member: str, note: Mapping[str, str]) -> bytes:
    """A transaction's note: reasons and names that a person wrote."""
    text = json.dumps(dict(note), ensure_ascii=False)
    return ring.seal_for(key, text.encode(), f"member/{member}/note")


def opened_note(ring: KeyRing, key: bytes, member: str, sealed: bytes) -> dict[str, str]:
    """The note again; raises SealBroken."""
    note: dict[str, str] = json.loads(ring.open_for(key, sealed, f"member/{member}/note"))
    return note


def masked(names: Names) -> str:
    """What a stranger at the counter may read: the first letter of each name, never all of one.

    A name of one letter looks like one of two: nobody can tell that 林 is all there is.
    """
    return " ".join(_begun(name) for name in (names.family, names.given) if name) or "＊＊＊"


def _begun(name: str) -> str:
    return name[0] + "＊" * max(1, min(len(name) - 1, 3))
