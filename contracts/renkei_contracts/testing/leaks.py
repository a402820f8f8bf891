"""What must never be seen outside: the secrets of a connection and the data of its members."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from renkei_contracts.connection import Token
from renkei_contracts.member import IdentityKind
from renkei_contracts.paging import Window
from renkei_contracts.testing.bench import OTHERS, Bench
from renkei_contracts.testing.operations import NEW_CARDS
from renkei_contracts.testing.shop import HANAKO

PERSONAL = (IdentityKind.EMAIL, IdentityKind.PHONE, IdentityKind.CARD)


@dataclass(frozen=True)
class Leaks:
    """Values to look for, with what each is: people, and every secret and token there will be."""

    given: Mapping[str, str]
    people: dict[str, str]
    tokens: Sequence[Token]

    def credentials(self) -> dict[str, str]:
        """What opens the vendor's doors: settings, and tokens until now."""
        secrets = {value: f"the setting {name}" for value, name in self.given.items()}
        access = {token.access: "an access token" for token in self.tokens}
        refresh = {token.refresh: "a refresh token" for token in self.tokens if token.refresh}
        return secrets | access | refresh

    def found(self, text: str) -> str | None:
        """What of it is in the text, however it is written there."""
        for value, what in (self.credentials() | self.people).items():
            if any(form in text for form in _forms(value)):
                return what
        return None


async def leaks(bench: Bench) -> Leaks:
    """The secret settings, the tokens of all its connections, and what is known of Hanako."""
    people = {
        HANAKO.email: "a mail address",
        HANAKO.family_name: "a family name",
        HANAKO.given_name: "a given name",
        HANAKO.card: "a card",
        NEW_CARDS: "a card",
    }
    return Leaks(bench.given, people | await _identities(bench), bench.tokens)


async def _identities(bench: Bench) -> dict[str, str]:
    """Keys by which the vendor knows its members: telephones that the twin made up."""
    if bench.vendor.members is None or "register" not in bench.twin.can:
        return {}
    window = Window(bench.clock() - timedelta(days=1), bench.clock() + timedelta(days=1))
    page = await bench.members().changed(window, None)
    return {
        one.value: f"a member's {one.kind}"
        for member in page.items
        for one in member.identities
        if one.kind in PERSONAL
    }


def _forms(value: str) -> Iterator[str]:
    yield value
    yield quote(value, safe="")
    yield json.dumps(value)[1:-1]


def told_by(error: BaseException | None) -> str:
    """All that a report of the error may print: it, its arguments, causes, contexts and notes."""
    seen: list[str] = []
    while error is not None and len(seen) < 20:
        notes = getattr(error, "__notes__", [])
        seen.append(f"{type(error).__name__} {error} {error.args!r} {notes!r}")
        error = error.__cause__ or error.__context__
    return "\n".join(seen)


def logged(records: Iterable[logging.LogRecord]) -> str:
    """All that the plugin's log records may print."""
    own = [one for one in records if not one.name.startswith(OTHERS)]
    return "\n".join(_line(record) for record in own)


def _line(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return f"{record.getMessage()} {vars(record)!r} {told_by(error)}"
