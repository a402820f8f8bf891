"""Conditions: CEL expressions over a documented context, checked when saved. Pure.

A condition that is not plainly true does not apply: an error while it runs (a fact that is missing,
a division by zero) is reported and never applies. The engine bounds iterations; what it does not
bound is refused before (``expression``) or is not in the language here (``LANGUAGE``).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

from cel_expr_python import cel
from pydantic import AfterValidator, Field

from renkei.loyalty.context import LINE_NAMES, ORDER_NAMES
from renkei.loyalty.expression import beyond_limits, located

Scope = Literal["order", "line"]

LANGUAGE = """
stdlib:
  exclude_macros: [map, filter]
  exclude_functions: [{name: matches}]
"""
"""CEL without what a yes or no does not need: chained maps double their values without bound,
filtering takes a list's length times itself, and a regular expression is compiled anew each time
(startsWith, endsWith and contains are there)."""

DECORATION = re.compile(r"^(?:[A-Z_]+: )?(?:ERROR: <input>:)?|(?: \[[A-Z_]+\])$")
PLACE = re.compile(r"\d+:\d+: ")


class ConditionInvalid(ValueError):
    """The text is no condition: what is wrong, with line and column."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a condition applies; it does not where ``fault`` says why it cannot be decided.

    A fault begins with the place, line and column, where it can have come from.
    """

    applies: bool
    fault: str | None = None


APPLIES, DOES_NOT_APPLY = Verdict(True), Verdict(False)


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
    refusal = beyond_limits(text)
    if refusal is not None:
        raise ConditionInvalid(refusal)
    try:
        expression = compiled(text, scope)
    except RuntimeError as error:
        raise ConditionInvalid(_placed(_plain(error))) from None
    if expression.return_type() != cel.Type.BOOL:
        raise ConditionInvalid(f"1:1: is {expression.return_type()}, not a yes or no: {text}")


def judge(text: str, scope: Scope, activation: Any) -> Verdict:
    """Whether the condition is plainly true."""
    return next(judge_each(text, scope, (activation,)))


def judge_each(text: str, scope: Scope, activations: Iterable[Any]) -> Iterator[Verdict]:
    """Whether the condition is plainly true, for each: an error's value is a text, which is true
    to Python."""
    evaluate = compiled(text, scope).eval
    for activation in activations:
        try:
            value = evaluate(activation).value()
        except RuntimeError as error:  # the iteration budget, and what only shows when it runs
            value = error
        if value is True:
            yield APPLIES
        elif value is False:
            yield DOES_NOT_APPLY
        else:
            yield Verdict(False, located(text, _plain(value)))


@lru_cache(maxsize=4_096)
def compiled(text: str, scope: Scope) -> Any:
    """The engine's own expression, compiled once; raises RuntimeError where it is none."""
    return _environment(scope).compile(text)


@lru_cache(maxsize=2)
def _environment(scope: Scope) -> Any:
    names = {**ORDER_NAMES, **(LINE_NAMES if scope == "line" else {})}
    variables = {name: known.type for name, known in names.items()}
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(LANGUAGE), variables=variables)


def _plain(error: object) -> str:
    """The engine's message without its own decoration."""
    return DECORATION.sub("", str(error).split("\n")[0])


def _placed(said: str) -> str:
    """A refusal's line, column and words; to what is too deep the engine gives no place."""
    return said if PLACE.match(said) else f"1:1: {said.removeprefix('-1:-1: ')}"


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
