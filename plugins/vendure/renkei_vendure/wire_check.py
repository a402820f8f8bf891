"""Shapes of the connection check's answer. Source: a recorded one (see wire.py)."""

from renkei_vendure.wire import Id, Wire


class Channel(Wire):
    """A channel the administrator may use, with the permissions there."""

    id: Id
    permissions: tuple[str, ...]


class Me(Wire):
    """The administrator."""

    channels: tuple[Channel, ...]


class ActiveChannel(Wire):
    """The channel that answers."""

    id: Id
    default_currency_code: str


class CustomField(Wire):
    """A custom field's definition."""

    name: str
    type: str


class Entity(Wire):
    """The custom fields of one kind of thing."""

    entity_name: str
    custom_fields: tuple[CustomField, ...]


class Extensible(Wire):
    """What custom fields the server was started with."""

    entity_custom_fields: tuple[Entity, ...]


class CheckedSettings(Wire):
    """The settings that a check reads."""

    server_config: Extensible


class Check(Wire):
    """The answer to the connection check."""

    me: Me
    active_channel: ActiveChannel
    global_settings: CheckedSettings
