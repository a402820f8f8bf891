"""The settings of one installation: from options, the environment and renkei.toml, checked once."""

import base64
import binascii
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from renkei.errors import ConfigInvalid, fault_words

ENV_PREFIX = "RENKEI_"
DEFAULT_FILE = Path("renkei.toml")
KEY_BYTES = 32

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "lines", "json"]


def default_data_dir() -> Path:
    """The platform's folder for a user's data; for root, who owns no such folder, /var/lib.

    Under root the embedded database runs as another user, who could not reach root's home.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/renkei")
    return platformdirs.user_data_path("renkei", appauthor=False)


class Settings(BaseSettings):
    """One installation. ``RENKEI_<NAME>`` in the environment sets the field of that name."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True)

    data_dir: Path = Field(
        default_factory=default_data_dir, description="where the hub keeps its own files"
    )
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 15 or newer; without it the hub runs its own"
    )
    migration_url: SecretStr | None = Field(
        None, description="the same database as its owner; without it, database_url"
    )
    postgres_bin: Path | None = Field(
        None, description="folder of the programs the hub's own PostgreSQL is run from"
    )
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8470, ge=0, le=65_535, description="port to listen on; 0 takes a free one")
    public_url: str | None = Field(
        None, pattern=r"^https?://[^/\s]+(/\S*)?$", description="how vendors reach the hub"
    )
    secret_key: SecretStr | None = Field(
        None, description="base64 of 32 random bytes; seals all that the hub keeps secret"
    )
    disabled_plugins: Annotated[frozenset[str], NoDecode] = Field(
        frozenset(), description="plugins not to load: a list, or names with commas"
    )
    body_limit_bytes: int = Field(
        2_000_000, ge=10_000, le=100_000_000, description="largest request body"
    )
    keep_days: int = Field(
        90, ge=1, le=36_500, description="days for which the bytes of settled deliveries are kept"
    )
    log_level: LogLevel = "info"
    log_format: LogFormat = Field(
        "auto", description="lines for a person, json for a program; auto: json unless a terminal"
    )
    traces_to: str | None = Field(
        None, pattern=r"^https?://\S+$", description="OTLP/HTTP address spans go to, …/v1/traces"
    )
    traces_share: float = Field(1.0, ge=0, le=1, description="share of all traces that is sent")
    linger_seconds: int = Field(
        0, ge=0, le=300, description="how long SIGTERM leaves it serving, not ready any more"
    )
    workers: bool = Field(True, description="whether this process also works off what came in")

    @field_validator("disabled_plugins", mode="before")
    @classmethod
    def _names(cls, given: object) -> object:
        if isinstance(given, str):
            return frozenset(name.strip() for name in given.split(",") if name.strip())
        return given

    @field_validator("data_dir", "postgres_bin", mode="before")
    @classmethod
    def _named(cls, path: object) -> object:
        if path == "":
            raise ValueError("must not be empty: name a folder, or leave the setting out")
        return path

    @field_validator("data_dir", "postgres_bin")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        if "\0" in str(path):
            raise ValueError("no folder can have such a name: choose another")
        try:
            return path and path.expanduser().absolute()
        except RuntimeError:
            raise ValueError("no user of this machine has that home: name it by /") from None

    @field_validator("database_url", "migration_url")
    @classmethod
    def _postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        return SecretStr(driven(url.get_secret_value())) if url is not None else None

    @field_validator("secret_key")
    @classmethod
    def _key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key_bytes(key)) != KEY_BYTES:
            raise ValueError("must be base64 of 32 bytes: `openssl rand -base64 32` makes one")
        return key

    @model_validator(mode="after")
    def _key_for_a_database_of_others(self) -> Self:
        if self.database_url is not None and self.secret_key is None:
            raise ValueError(
                "secret_key is missing: a database of your own needs RENKEI_SECRET_KEY "
                "(`openssl rand -base64 32` makes one; keep it: nothing can be read without it)"
            )
        return self

    @property
    def embedded(self) -> bool:
        """Whether the hub runs its own PostgreSQL."""
        return self.database_url is None


def driven(url: str) -> str:
    """The address of a database with the driver that the hub uses; raises ValueError."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg") or not rest:
        raise ValueError("must be postgresql://user:password@host/database")
    complete = f"postgresql+psycopg://{rest}"
    try:
        (make_url(complete).host or "").encode("idna")
    except (ArgumentError, ValueError):
        raise ValueError("must be postgresql://user:password@host:port/database") from None
    return complete


def key_bytes(key: SecretStr) -> bytes:
    """The bytes of a key given as base64; empty where it is not base64."""
    try:
        return base64.b64decode(key.get_secret_value(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def key_in(file: Path) -> bytes:
    """The key in a file; raises ConfigInvalid where it cannot be read, or is none."""
    try:
        key = file.read_bytes()
    except OSError as error:
        raise ConfigInvalid(f"{file} cannot be read ({error.strerror}): make it readable") from None
    if len(key) != KEY_BYTES:
        raise ConfigInvalid(
            f"{file} has {len(key)} bytes and is no secret key, which has {KEY_BYTES}: put the "
            "hub's own back, as it was kept beside the backups"
        )
    return key


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """Overrides over environment over file over defaults; raises ConfigInvalid, in one line.

    The file is ``config``, else what RENKEI_CONFIG names, else ./renkei.toml where it exists.
    An override of None leaves the setting as it is.
    """
    file = _settings_file(config)
    from_file = _read(file) if file else {}
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return _settings_type(from_file)(**given)
    except ValidationError as error:
        raise ConfigInvalid(_explain(error, given, file)) from None  # its inputs are secrets


def _settings_file(config: Path | None) -> Path | None:
    named = config or (Path(at) if (at := os.environ.get("RENKEI_CONFIG")) else None)
    if named is None:
        return DEFAULT_FILE if DEFAULT_FILE.exists() else None
    return named


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_bytes().decode())
    except FileNotFoundError:
        raise ConfigInvalid(
            f"{file} does not exist: name the settings file with --config or RENKEI_CONFIG"
        ) from None
    except OSError as error:
        raise ConfigInvalid(
            f"{file} cannot be read ({error.strerror}): make it readable, or name another file"
        ) from error
    except UnicodeDecodeError:
        raise ConfigInvalid(f"{file} is not UTF-8: save it again as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigInvalid(f"{file} is not TOML: {error}; correct it there") from None


def _settings_type(from_file: Mapping[str, Any]) -> type[Settings]:
    class FromFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, dict(from_file))

    return FromFile


def _explain(error: ValidationError, given: Mapping[str, Any], file: Path | None) -> str:
    """Every fault with where it stands; never a value, as it may be a secret."""
    return "; ".join(
        _fault(str(one["loc"][0]) if one["loc"] else "", one["type"], fault_words(one), given, file)
        for one in error.errors(include_input=False, include_url=False)
    )


def _fault(name: str, kind: str, reason: str, given: Mapping[str, Any], file: Path | None) -> str:
    if not name:
        return reason
    if kind == "extra_forbidden":
        known = ", ".join(sorted(Settings.model_fields))
        return f"{file}: {name!r} is not a setting; correct or remove it (settings: {known})"
    return f"{_source(name, given, file)}: {reason}"


def _source(name: str, given: Mapping[str, Any], file: Path | None) -> str:
    if name in given:
        return f"--{name.replace('_', '-')}"
    if f"{ENV_PREFIX}{name}".upper() in {key.upper() for key in os.environ}:
        return f"{ENV_PREFIX}{name.upper()}"
    return f"{file}: {name}"
