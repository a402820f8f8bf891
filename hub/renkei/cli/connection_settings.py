"""A connection's settings, gathered from options, a file, the environment and the keyboard."""

import json
import os
import secrets
import tomllib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from renkei.errors import ConfigInvalid

ENV_PREFIX = "RENKEI_CONNECT_"
PATH_SECRET = "path_secret"  # noqa: S105 - the name of the field, for vendors that sign nothing
PATH_SECRET_BYTES = 24

Ask = Callable[[str, bool], str]
"""Asks a person for one value: what it is, and whether it must not be shown."""


def gather(
    model: type[BaseModel], options: Sequence[str], file: Path | None, ask: Ask | None
) -> dict[str, Any]:
    """The settings, checked against the vendor's model; raises ConfigInvalid.

    Options win over the file, the file over the environment (RENKEI_CONNECT_<NAME>). ``ask`` is
    asked for what is required and still missing; without it, what is missing is an error.
    """
    given = {
        **from_environment(model, os.environ),
        **(from_file(file) if file else {}),
        **from_options(options),
    }
    given = with_path_secret(model, given)
    missing = [
        name
        for name, field in model.model_fields.items()
        if field.is_required() and name not in given
    ]
    if missing and ask is None:
        raise ConfigInvalid(
            f"missing settings: {', '.join(missing)}; give each as --set NAME=VALUE, in a "
            f"--settings FILE.toml, or as {ENV_PREFIX}<NAME>"
        )
    for name in missing:
        given[name] = _asked(name, model.model_fields[name], ask)
    if ask is not None and not _together(model, given):
        given |= _asked_for_more(model, given, ask)
    checked(model, given)
    return given


def _together(model: type[BaseModel], given: Mapping[str, Any]) -> bool:
    """Whether the settings satisfy what the vendor wants of several fields at once."""
    try:
        model.model_validate(given)
    except ValidationError as error:
        return any(one["loc"] for one in error.errors(include_input=False))
    return True


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


def with_path_secret(model: type[BaseModel], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with an address nobody can guess, for a vendor that signs nothing."""
    if PATH_SECRET not in model.model_fields or given.get(PATH_SECRET):
        return dict(given)
    return {**given, PATH_SECRET: secrets.token_urlsafe(PATH_SECRET_BYTES)}


def checked(model: type[BaseModel], given: Mapping[str, Any]) -> BaseModel:
    """The settings as the vendor's own model; raises ConfigInvalid without any value."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        raise ConfigInvalid(
            "; ".join(_fault(model, one["loc"], one["type"], one["msg"]) for one in faults)
        ) from None  # its inputs are secrets


def from_options(options: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE`` each; a value that begins with [ or { is JSON."""
    given: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise ConfigInvalid("--set wants NAME=VALUE, for example --set shop=my-shop")
        given[name.strip().replace("-", "_")] = _value(name, value)
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
        names[key]: _value(names[key], value) for key, value in environment.items() if key in names
    }


def is_secret(field: FieldInfo) -> bool:
    """Whether the field, or what it may hold, is a SecretStr."""
    return _holds_secret(field.annotation)


def plain(settings: BaseModel) -> dict[str, Any]:
    """The settings as JSON values with the secrets spelled out, for sealing."""
    return {name: _spelled_out(value) for name, value in dict(settings).items()}


def _spelled_out(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return plain(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_spelled_out(one) for one in value]
    return value if isinstance(value, str | int | bool | None) else str(value)


def _holds_secret(kind: object) -> bool:
    if typing.get_origin(kind) in (typing.Union, types.UnionType, tuple, list):
        return any(_holds_secret(part) for part in typing.get_args(kind))
    return kind is SecretStr


def _value(name: str, text: str) -> object:
    if not text.startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigInvalid(f"{name}: begins like JSON and is none") from None


def _asked(name: str, field: FieldInfo, ask: Ask | None) -> str:
    assert ask is not None
    return ask(f"{name} ({field.description})" if field.description else name, is_secret(field))


def _fault(model: type[BaseModel], loc: tuple[int | str, ...], kind: str, message: str) -> str:
    where = ".".join(map(str, loc))
    if kind == "extra_forbidden":
        return f"{where} is not a setting of this vendor (it has {', '.join(model.model_fields)})"
    reason = message.removeprefix("Value error, ")
    return f"{where}: {reason}" if where else reason
