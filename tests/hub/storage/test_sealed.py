"""Sealed things open with their key, in their place, and nowhere else."""

import pytest

from renkei.errors import SealBroken
from renkei.storage.sealed import KeyRing

RING = KeyRing({"1": b"a" * 32}, "1")


def test_what_was_sealed_opens_again() -> None:
    assert RING.open(RING.seal("花子".encode(), "here"), "here").decode() == "花子"


def test_the_same_secret_sealed_twice_looks_different() -> None:
    assert RING.seal(b"secret", "here") != RING.seal(b"secret", "here")


def test_a_value_moved_to_another_row_does_not_open() -> None:
    with pytest.raises(SealBroken, match="there"):
        RING.open(RING.seal(b"secret", "here"), "there")


@pytest.mark.parametrize("place", range(30))
def test_a_changed_byte_does_not_open(place: int) -> None:
    sealed = bytearray(RING.seal(b"secret", "here"))
    sealed[place] ^= 1
    with pytest.raises(SealBroken):
        RING.open(bytes(sealed), "here")


@pytest.mark.parametrize("length", [0, 1, 13])
def test_a_cut_off_value_does_not_open(length: int) -> None:
    with pytest.raises(SealBroken):
        RING.open(RING.seal(b"secret", "here")[:length], "here")


def test_after_a_rotation_old_seals_still_open_and_new_ones_use_the_new_key() -> None:
    rotated = KeyRing({"1": b"a" * 32, "2": b"b" * 32}, "2", index_key=b"a" * 32)
    assert rotated.open(RING.seal(b"old", "here"), "here") == b"old"
    with pytest.raises(SealBroken, match="'2'"):
        RING.open(rotated.seal(b"new", "here"), "here")
    assert rotated.blind("card", "", "1") == RING.blind("card", "", "1")


def test_a_blind_index_depends_on_kind_scope_and_value_and_not_on_where_they_meet() -> None:
    digests = {
        RING.blind("email", "", "ab"),
        RING.blind("email", "a", "b"),
        RING.blind("emaila", "", "b"),
        RING.blind("email", "", "abc"),
    }
    assert len(digests) == 4


def test_without_a_members_key_their_data_stays_shut() -> None:
    key, wrapped = RING.new_member_key("mem_1")
    other, _ = RING.new_member_key("mem_1")
    sealed = RING.seal_for(key, b"hanako", "profile")
    assert RING.open_for(RING.unwrap("mem_1", wrapped), sealed, "profile") == b"hanako"
    with pytest.raises(SealBroken):
        RING.open_for(other, sealed, "profile")


def test_keys_never_stand_in_a_repr() -> None:
    assert "aaaa" not in repr(RING)
