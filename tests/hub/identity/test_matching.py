"""Only proofs link, on both sides."""

import pytest

from renkei.identity.matching import Found, New, match

KNOWN = {
    "mail": ("hanako", "verified"),
    "card": ("hanako", "strong"),
    "phone": ("taro", "verified"),
    "typed": ("jiro", "asserted"),
}


@pytest.mark.parametrize(
    ("proofs", "answer"),
    [
        ([], New()),
        (["unknown"], New()),
        (["typed"], New()),
        (["typed", "mail"], Found("hanako")),
        (["mail", "card"], Found("hanako")),
        (["phone", "mail"], Found("taro", ("hanako",))),
        (["card", "phone", "mail"], Found("hanako", ("taro",))),
    ],
)
def test_the_best_proof_names_the_member_and_the_others_are_said(
    proofs: list[str], answer: Found | New
) -> None:
    assert match(proofs, KNOWN) == answer
