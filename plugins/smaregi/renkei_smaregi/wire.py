"""Shapes as Smaregi sends them: every value a string, even numbers; any field may be missing."""

import re
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    TypeAdapter,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from renkei_contracts.errors import PayloadInvalid
from renkei_contracts.toolkit import wire

ISO_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}")


def _as_text(value: object) -> object:
    """The documentation promises strings; a generated client knows one id that is none."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _moment(value: object) -> object:
    # pydantic itself would take "20261126" for seconds since 1970.
    if value in (None, ""):
        return None
    if isinstance(value, str) and ISO_MOMENT.match(value):
        return value
    raise ValueError("not a date and time")


Word = Annotated[str | None, BeforeValidator(_as_text)]
Moment = Annotated[AwareDatetime | None, BeforeValidator(_moment)]


class Wire(wire.Wire):
    """camelCase outside, snake_case inside."""

    model_config = ConfigDict(alias_generator=to_camel)


class Detail(Wire):
    """One line of a sale. ``*_proportional`` are this line's shares of what the head deducts."""

    transaction_detail_id: Word = None
    transaction_detail_division: Word = None
    product_code: Word = None
    product_name: Word = None
    tax_division: Word = None
    quantity: Word = None
    unit_discounted_sum: Word = None
    product_bundle_proportional: Word = None
    staff_discount_proportional: Word = None
    bargain_discount_proportional: Word = None
    discount_price_proportional: Word = None
    discount_coupon_proportional: Word = None
    discount_point_proportional: Word = None
    tax_exclude_proportional: Word = None
    tax_free: Word = None
    point_not_applicable: Word = None
    tax_rate: Word = None
    standard_tax_rate: Word = None
    reduce_tax_id: Word = None
    reduce_tax_rate: Word = None


class Customer(Wire):
    """A member; ``customer_code`` is what the till scans. It carries no points."""

    customer_id: Word = None
    customer_code: Word = None
    last_name: Word = None
    first_name: Word = None
    phone_number: Word = None
    mobile_number: Word = None
    mail_address: Word = None
    mail_address2: Word = None
    mail_address3: Word = None
    status: Word = None
    upd_date_time: Moment = None


class Transaction(Wire):
    """A transaction (取引). ``customer_code`` comes in lists, ``customer`` with a single one."""

    transaction_head_id: Word = None
    transaction_head_division: Word = None
    transaction_date_time: Moment = None
    terminal_tran_date_time: Moment = None
    terminal_tran_id: Word = None
    transaction_uuid: Word = None
    cancel_division: Word = None
    cancel_date_time: Moment = None
    return_sales: Word = None
    dispose_division: Word = None
    dispose_server_transaction_head_id: Word = None
    store_id: Word = None
    terminal_id: Word = None
    customer_id: Word = None
    customer_code: Word = None
    customer: Customer | None = None
    subtotal: Word = None
    subtotal_discount_price: Word = None
    coupon_discount: Word = None
    point_discount: Word = None
    rounding_price: Word = None
    tax_exclude: Word = None
    carriage: Word = None
    commission: Word = None
    total: Word = None
    spend_point: Word = None
    tax_rate: Word = None
    upd_date_time: Moment = None
    details: tuple[Detail, ...] | None = None


class CustomerPoint(Wire):
    """A member's points; in the answer to a write with the ids of what the write created."""

    customer_id: Word = None
    point: Word = None
    transaction_head_ids: tuple[Word, ...] | None = None


class PointCondition(Wire):
    """How a store grants and takes points."""

    spend_rate: Word = None
    expire_division: Word = None
    point_giving_unit: Word = None
    mileage_division: Word = None


class Store(Wire):
    """A store, or with division 2 a warehouse."""

    store_id: Word = None
    store_name: Word = None
    division: Word = None
    point_condition: PointCondition | None = None


class Hint(Wire):
    """The body of a webhook: ids, and no data. An old reference misspelt ``contractId``."""

    contract_id: Word = None
    contact_id: Word = None
    transaction_head_ids: tuple[Word, ...] | None = None
    customer_ids: tuple[Word, ...] | None = None


def parse_rows(payload: Any, what: str) -> list[dict[str, Any]]:
    """A list of objects, each still to be parsed, so that one bad row spoils no other."""
    try:
        return _ROWS.validate_python(payload)
    except ValidationError:
        problem = PayloadInvalid(f"{what}: the answer is not a list of objects")
    raise problem


_ROWS: TypeAdapter[list[dict[str, Any]]] = TypeAdapter(list[dict[str, Any]])
