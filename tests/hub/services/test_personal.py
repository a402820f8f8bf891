"""What is told of a person's name."""

import pytest

from renkei.services.personal import Names, masked


@pytest.mark.parametrize(
    ("family", "given", "shown"),
    [
        ("山田", "花子", "山＊ 花＊"),
        ("勅使河原", "", "勅＊＊＊"),
        ("Nakagawara", "Jo", "N＊＊＊ J＊"),
        ("", "", "＊＊＊"),
    ],
)
def test_the_first_letter_of_each_name_is_shown(family: str, given: str, shown: str) -> None:
    assert masked(Names(family, given)) == shown


def test_a_name_of_one_letter_looks_like_one_of_two() -> None:
    assert masked(Names("林", "学")) == masked(Names("林田", "学人")) == "林＊ 学＊"
