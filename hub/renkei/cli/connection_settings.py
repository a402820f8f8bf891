"""A connection's settings, gathered from options, a file, the environment and the keyboard."""

import json
import os
import tomllib
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from renkei.errors import ConfigInvalid, fault_words
from renkei.services.setup.connect import PATH_SECRET

ENV_PREFIX = "RENKEI_CONNECT_"

STAND_IN = "0" * 32
"""For a webhook address that is made when connecting."""

Ask = Callable[[str, bool], str]
"""Asks a person for one value: what it is, and whether it must not be shown."""


def gather(
    model: type[BaseModel],
    options: Sequence[str],
    file: Path | None,
    ask: Ask | None,
    needed: Collection[str] = (),
) -> dict[str, Any]:
    """The settings, checked against the vendor's model; raises ConfigInvalid.

    Options win over the file, the file over the environment (RENKEI_CONNECT_<NAME>). ``ask`` is
    asked for what is required, or ``needed`` this time, and still missing; without it, what is
    missing is an error.
    """
    given: dict[str, Any] = {
        **from_environment(model, os.environ),
        **(from_file(file) if file else {}),
        **from_options(model, options),
    }
    missing = [
        name
        for name, field in model.model_fields.items()
        if (field.is_required() or name in needed) and name not in given and name != PATH_SECRET
    ]
    if missing and ask is None:
        raise ConfigInvalid(
            f"missing settings: {', '.join(missing)}; give each as --set NAME=VALUE, in a "
            f"--settings FILE.toml, or as {ENV_PREFIX}<NAME>"
        )
    for name in missing:
        given[name] = _value(model, name, _asked(name, model.model_fields[name], ask))
    if ask is not None and any(not fault["loc"] for fault in _faults(model, given)):
        given |= _asked_for_more(model, given, ask)
    require_valid(model, given)
    return given


def _asked_for_more(model: type[BaseModel], given: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """Ask for every text that was not given; an empty answer leaves it as it is."""
    texts = {
        name: field
        for name, field in model.model_fields.items()
        if name not in given and _is_empty(field.default)
    }
    answers = {name: _asked(name, field, ask) for name, field in texts.items()}
    return {name: answer for name, answer in answers.items() if answer}


def _is_empty(default: object) -> bool:
    text = default.get_secret_value() if isinstance(default, SecretStr) else default
    return text is None or text == ""


def require_valid(model: type[BaseModel], given: Mapping[str, Any]) -> None:
    """Raise ConfigInvalid, with every fault and without any value."""
    if found := _faults(model, given):
        raise ConfigInvalid("; ".join(_said(model, one) for one in found))


def _faults(model: type[BaseModel], given: Mapping[str, Any]) -> list[ErrorDetails]:
    later = {PATH_SECRET: STAND_IN} if PATH_SECRET in model.model_fields else {}
    try:
        model.model_validate({**later, **given})
    except ValidationError as error:
        return error.errors(include_input=False, include_url=False, include_context=False)
    return []


def from_options(model: type[BaseModel], options: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE`` each; lists and tables are JSON."""
    given: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise ConfigInvalid("--set wants NAME=VALUE, for example --set shop=my-shop")
        name = name.strip().replace("-", "_")
        given[name] = _value(model, name, value)
    return given


def from_file(file: Path) -> dict[str, Any]:
    """The settings of a TOML file."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigInvalid(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:  # not TOML, or not UTF-8
        raise ConfigInvalid(f"{file} is not TOML in UTF-8: {error}") from None


def from_environment(model: type[BaseModel], environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings named in the environment, where secrets are seen by fewer eyes."""
    names = {f"{ENV_PREFIX}{name}".upper(): name for name in model.model_fields}
    return {
        names[key]: _value(model, names[key], value)
        for key, value in environment.items()
        if key in names
    }


def is_secret(field: FieldInfo) -> bool:
    """Whether the field, or what it may hold, is a SecretStr."""
    return _holds_secret(field.annotation)


def _holds_secret(kind: object) -> bool:
    if typing.get_origin(kind) in (typing.Union, types.UnionType, tuple, list):
        return any(_holds_secret(part) for part in typing.get_args(kind))
    return kind is SecretStr


def _is_text(kind: object) -> bool:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return all(_is_text(part) for part in typing.get_args(kind))
    return kind in (str, SecretStr, types.NoneType)


def _value(model: type[BaseModel], name: str, text: str) -> object:
    """JSON where it begins like that, but not of a text: a password may begin as it likes."""
    field = model.model_fields.get(name)
    if not text.startswith(("[", "{")) or (field is not None and _is_text(field.annotation)):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigInvalid(f"{name}: begins like JSON and is none") from None


def _asked(name: str, field: FieldInfo, ask: Ask | None) -> str:
    assert ask is not None
    return ask(f"{name} ({field.description})" if field.description else name, is_secret(field))


AS_JSON = {"tuple_type": '["a", "b"]', "list_type": '["a", "b"]', "dict_type": '{"a": "b"}'}
"""How a value is written whose place wants a list or a table."""


def _said(model: type[BaseModel], fault: ErrorDetails) -> str:
    where = ".".join(map(str, fault["loc"]))
    if fault["type"] in AS_JSON:
        return f"{where}: write it as JSON, such as {AS_JSON[fault['type']]}"
    if fault["type"] == "extra_forbidden":
        return f"{where} is not a setting of this vendor (it has {', '.join(model.model_fields)})"
    reason = fault_words(fault)
    return f"{where}: {reason}" if where else reason
