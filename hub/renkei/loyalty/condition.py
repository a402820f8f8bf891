"""Conditions: CEL expressions over a documented context, checked when saved. Pure.

A condition that is not plainly true does not apply: an error while it runs (a fact that is missing,
a division by zero) is reported and never applies. The engine bounds nesting, size and iterations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

from cel_expr_python import cel
from pydantic import AfterValidator, Field

from renkei.loyalty.context import LINE_NAMES, ORDER_NAMES

Scope = Literal["order", "line"]

LONGEST = 2_000
"""Characters of one condition: what a person can read."""


class ConditionInvalid(ValueError):
    """The text is no condition: what is wrong, with line and column."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a condition applies; it does not where ``fault`` says why it cannot be decided."""

    applies: bool
    fault: str | None = None


@dataclass(frozen=True)
class Names:
    """The values of the context's names for one evaluation, made once for many conditions."""

    scope: Scope
    values: Mapping[str, Any]

    def activation(self) -> Any:
        """What the engine evaluates against."""
        return _environment(self.scope).Activation(dict(self.values))


def check(text: str, scope: Scope) -> None:
    """Raise ConditionInvalid unless it is a yes or no over the scope's names."""
    if len(text) > LONGEST:
        raise ConditionInvalid(
            f"a condition has at most {LONGEST} characters, this one {len(text)}"
        )
    try:
        expression = _compiled(text, scope)
    except RuntimeError as error:
        raise ConditionInvalid(_plain(error)) from None
    if expression.return_type() != cel.Type.BOOL:
        raise ConditionInvalid(f"1:1: is {expression.return_type()}, not a yes or no: {text}")


def judge(text: str, scope: Scope, activation: Any) -> Verdict:
    """Whether the condition is plainly true."""
    try:
        value = _compiled(text, scope).eval(activation=activation)
    except RuntimeError as error:  # the iteration budget, and what only shows when it runs
        return Verdict(False, _plain(error))
    if value.type() == cel.Type.ERROR:
        return Verdict(False, str(value.value()))
    return Verdict(value.value() is True)


@lru_cache(maxsize=4_096)
def _compiled(text: str, scope: Scope) -> Any:
    return _environment(scope).compile(text)


@lru_cache(maxsize=2)
def _environment(scope: Scope) -> Any:
    names = {**ORDER_NAMES, **(LINE_NAMES if scope == "line" else {})}
    return cel.NewEnv(variables={name: known.type for name, known in names.items()})


def _plain(error: RuntimeError) -> str:
    """The engine's message without its own decoration."""
    text = str(error).split("\n")[0]
    return text.removeprefix("INVALID_ARGUMENT: ").removeprefix("ERROR: <input>:")


def _order_condition(text: str) -> str:
    check(text, "order")
    return text


def _line_condition(text: str) -> str:
    check(text, "line")
    return text


OrderCondition = Annotated[str, Field(min_length=1), AfterValidator(_order_condition)]
"""A condition over the order, its member and the clock."""

LineCondition = Annotated[str, Field(min_length=1), AfterValidator(_line_condition)]
"""A condition over one line, and everything an order's condition may speak of."""
