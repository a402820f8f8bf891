"""Shapes of discount codes as the Admin GraphQL API answers (documents.py)."""

from renkei_contracts.toolkit.wire import Moment
from renkei_shopify.wire_graphql import Money, Node, UserError


class RedeemCode(Node):
    """A code that gives the discount."""

    code: str


class RedeemCodes(Node):
    """The discount's first codes."""

    nodes: tuple[RedeemCode, ...]


class Value(Node):
    """What the discount takes off; of other kinds than an amount, nothing is told."""

    amount: Money | None = None


class CustomerGets(Node):
    """What the customer gets."""

    value: Value


class CodeDiscount(Node):
    """A discount by code; of other kinds than "amount off" only that it is there."""

    ends_at: Moment | None = None
    usage_limit: int | None = None
    codes: RedeemCodes | None = None
    customer_gets: CustomerGets | None = None


class CodeDiscountNode(Node):
    """A discount with its id."""

    id: str
    code_discount: CodeDiscount

    @property
    def only_code(self) -> str | None:
        """Its code, where it has one alone."""
        found = self.code_discount.codes.nodes if self.code_discount.codes else ()
        return found[0].code if len(found) == 1 else None


class Done(Node):
    """What became of a mutation."""

    user_errors: tuple[UserError, ...]
