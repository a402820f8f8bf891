"""Webhooks that are wrong in one way each."""

import hashlib
import hmac
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from wrong import Around

from renkei_contracts.delivery import Delivery
from renkei_contracts.errors import PayloadInvalid, SignatureInvalid
from renkei_contracts.event import (
    BalanceSeen,
    Ignored,
    MemberLeft,
    MemberSeen,
    MembersMerged,
    Observation,
)
from renkei_contracts.member import Member
from renkei_contracts.reference.cart.twin import WEBHOOK_SECRET
from renkei_contracts.reference.cart.webhooks import (
    ID,
    SHOP,
    SIGNATURE,
    TIME,
    WINDOW,
    signed_message,
)
from renkei_contracts.reference.till.webhooks import HEADER
from renkei_contracts.toolkit.signature import hmac_sha256_base64, require_recent

numbers = itertools.count(1)


class Loose(Around):
    """Verifies by itself, so that a part of it can be wrong."""

    def secrets(self) -> Sequence[str]:
        keys: Sequence[str] = self.connection.settings.signing_secrets()
        return keys

    def equal(self, given: str, right: str) -> bool:
        return given == right

    def time(self, delivery: Delivery) -> str:
        return delivery.header(TIME) or ""

    def body(self, delivery: Delivery) -> bytes:
        return delivery.body

    def verify(self, delivery: Delivery, now: datetime) -> None:
        id, time = delivery.header(ID) or "", self.time(delivery)
        message = signed_message(id, time, self.body(delivery))
        rights = [hmac_sha256_base64(key, message) for key in self.secrets()]
        given = delivery.header(SIGNATURE)
        if given is None or not any(self.equal(given, right) for right in rights):
            raise SignatureInvalid("the signature does not match")
        self.recent(delivery.header(TIME), now)
        self.ours(delivery)

    def recent(self, time: str | None, now: datetime) -> None:
        require_recent(time, now, WINDOW)

    def ours(self, delivery: Delivery) -> None:
        if delivery.header(SHOP) != self.connection.settings.shop:
            raise SignatureInvalid("another shop")


class RefusesAll(Around):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        raise SignatureInvalid("nothing is good enough")


class ExactCase(Around):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        lower = tuple((name, value) for name, value in delivery.headers if name == name.lower())
        self.right.verify(replace(delivery, headers=lower), now)


class ComparesFromTheSecond(Loose):
    def equal(self, given: str, right: str) -> bool:
        return given[1:] == right[1:]


class ComparesAPrefix(Loose):
    def equal(self, given: str, right: str) -> bool:
        return bool(given) and right.startswith(given)


class ComparesABeginning(Loose):
    def equal(self, given: str, right: str) -> bool:
        return given.startswith(right)


class ComparesInAnyCase(Loose):
    def equal(self, given: str, right: str) -> bool:
        return given.lower() == right.lower()


class EmptyIsFine(Loose):
    def equal(self, given: str, right: str) -> bool:
        return given in ("", right)


class ComparesTheLength(Loose):
    def equal(self, given: str, right: str) -> bool:
        return len(given) == len(right)


class UnsignedIsATest(Around):
    """Takes a delivery without any of its headers for a trial of somebody's."""

    def verify(self, delivery: Delivery, now: datetime) -> None:
        if all(delivery.header(name) is None for name in (ID, TIME, SIGNATURE)):
            return
        self.right.verify(delivery, now)


class OpenWithoutSecret(Around):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        if self.connection.settings.signing_secrets():
            self.right.verify(delivery, now)


class OneSecretForAll(Loose):
    def secrets(self) -> Sequence[str]:
        return [WEBHOOK_SECRET]


class TrimsTheSecret(Loose):
    def secrets(self) -> Sequence[str]:
        return [key.rstrip("x") for key in super().secrets()]


class PartOfTheSecret(Around):
    """Signs and compares with what it makes of the secret; so does the shop, by chance."""

    def part(self, secret: str) -> str:
        return secret

    def same(self, secret: str) -> bool:
        return self.part(secret) == self.part(WEBHOOK_SECRET)

    def verify(self, delivery: Delivery, now: datetime) -> None:
        if not any(map(self.same, self.connection.settings.signing_secrets())):
            raise SignatureInvalid("another secret")


class AnyCase(PartOfTheSecret):
    def part(self, secret: str) -> str:
        return secret.lower()


class FirstHalf(PartOfTheSecret):
    def part(self, secret: str) -> str:
        return secret[: len(WEBHOOK_SECRET) // 2]


class LastHalf(PartOfTheSecret):
    def part(self, secret: str) -> str:
        return secret[-(len(WEBHOOK_SECRET) // 2) :]


class ShortIsOpen(Around):
    """Takes a secret of one character for one that nobody has filled in."""

    def verify(self, delivery: Delivery, now: datetime) -> None:
        if all(len(one) > 1 for one in self.connection.settings.signing_secrets()):
            self.right.verify(delivery, now)


class EmptyAddressIsOpen(Around):
    """Of two secrets one may be left out."""

    def verify(self, delivery: Delivery, now: datetime) -> None:
        if self.connection.settings.path_secret.get_secret_value():
            self.right.verify(delivery, now)
        elif delivery.header(HEADER) not in self.connection.settings.header_secrets():
            raise SignatureInvalid("another secret")


class AnyShop(Loose):
    def ours(self, delivery: Delivery) -> None:
        pass


class ShopsThatEndAlike(Loose):
    def ours(self, delivery: Delivery) -> None:
        if not (delivery.header(SHOP) or "").endswith(self.connection.settings.shop):
            raise SignatureInvalid("another shop")


class ShopsThatBeginAlike(Loose):
    def ours(self, delivery: Delivery) -> None:
        if not (delivery.header(SHOP) or "").startswith(self.connection.settings.shop):
            raise SignatureInvalid("another shop")


class NewestSecretOnly(Loose):
    def secrets(self) -> Sequence[str]:
        return super().secrets()[:1]


class NeverForgetsASecret(Loose):
    seen: set[str] = set()  # noqa: RUF012 - a memory, which no plugin may have

    def secrets(self) -> Sequence[str]:
        self.seen.update(super().secrets())
        return list(self.seen)


class NeverStale(Loose):
    def recent(self, time: str | None, now: datetime) -> None:
        if int(time or 0) > (now + WINDOW).timestamp():
            raise SignatureInvalid("the future")


class FutureIsFine(Loose):
    def recent(self, time: str | None, now: datetime) -> None:
        if int(time or 0) < (now - WINDOW).timestamp():
            raise SignatureInvalid("stale")


class Impatient(Loose):
    def recent(self, time: str | None, now: datetime) -> None:
        require_recent(time, now, timedelta(minutes=1))


class TimeOfTheBody(Loose):
    """The time under the signature is read elsewhere than the one that is judged."""

    def time(self, delivery: Delivery) -> str:
        at = json.loads(delivery.body)["at"]
        return str(int(datetime.fromisoformat(at).timestamp()))


class EmptyNeedsNoProof(Around):
    def verify(self, delivery: Delivery, now: datetime) -> None:
        if delivery.body:
            self.right.verify(delivery, now)


class Trims(Loose):
    def body(self, delivery: Delivery) -> bytes:
        return delivery.body.strip()


class VerifiesWhatItParsed(Loose):
    def body(self, delivery: Delivery) -> bytes:
        return json.dumps(json.loads(delivery.body)).encode()


class TextOnly(Loose):
    def equal(self, given: str, right: str) -> bool:
        return hmac.compare_digest(given, right)


class NewKeyEachTime(Around):
    def key(self, delivery: Delivery) -> str:
        return f"delivery-{next(numbers)}"


class KeyIsTheObject(Around):
    def key(self, delivery: Delivery) -> str:
        data = json.loads(delivery.body)["data"]
        return str(data.get("id") or data.get("customer_id"))


class KeyOfTheBeginning(Around):
    def key(self, delivery: Delivery) -> str:
        return hashlib.sha256(delivery.body[:300]).hexdigest()


class KeyIsTheBody(Around):
    def key(self, delivery: Delivery) -> str:
        return delivery.body.hex()


class Deaf(Around):
    def read(self, delivery: Delivery) -> Sequence[Observation]:
        return [Ignored(reason="of no concern")]


class StillActive(Around):
    """A withdrawal is told as the member who is still there."""

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        return [_stays(one) for one in self.right.read(delivery)]


def _stays(seen: Observation) -> Observation:
    if not isinstance(seen, MemberLeft):
        return seen
    return MemberSeen(member=Member(ref=seen.ref, changed_at=seen.at))


class Crossed(Around):
    def read(self, delivery: Delivery) -> Sequence[Observation]:
        return [
            one.model_copy(update={"kept": one.gone, "gone": one.kept})
            if isinstance(one, MembersMerged)
            else one
            for one in self.right.read(delivery)
        ]


class TenfoldPoints(Around):
    def read(self, delivery: Delivery) -> Sequence[Observation]:
        return [
            one.model_copy(update={"points": one.points * 10})
            if isinstance(one, BalanceSeen)
            else one
            for one in self.right.read(delivery)
        ]


class Counts(Around):
    """Tells how many it has read."""

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        return [*self.right.read(delivery), Ignored(reason=f"number {next(numbers)}")]


class UnknownIsInvalid(Around):
    def read(self, delivery: Delivery) -> Sequence[Observation]:
        seen: Sequence[Observation] = self.right.read(delivery)
        if any(isinstance(one, Ignored) for one in seen):
            raise PayloadInvalid("a topic we do not know")
        return seen


class Unguarded(Around):
    """Decodes the body and leaves its errors to others."""

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        self.look(json.loads(delivery.body))
        seen: Sequence[Observation] = self.right.read(delivery)
        return seen

    def look(self, body: Any) -> None:
        pass


class LooksInside(Unguarded):
    def look(self, body: Any) -> None:
        body["data"]["updated_at"].lower()


class NamesNothing(Around):
    """It says what is wrong, and not with which order."""

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        try:
            return self.right.read(delivery)  # type: ignore[no-any-return]
        except PayloadInvalid:
            raise PayloadInvalid("the total is not the sum of the lines") from None


class MissingIsNobody(Around):
    """An order without its customer's key is taken for a guest's."""

    def read(self, delivery: Delivery) -> Sequence[Observation]:
        try:
            body = json.loads(delivery.body)
            body["data"] = {"customer_id": None, "shipping": 0, **body["data"]}
        except (ValueError, LookupError, TypeError):
            return self.right.read(delivery)  # type: ignore[no-any-return]
        filled = replace(delivery, body=json.dumps(body).encode())
        return self.right.read(filled)  # type: ignore[no-any-return]
