"""The GraphQL documents that the plugin can send. A test holds each against the vendor's schema."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """A document and its name in messages."""

    name: str
    text: str


_ORDER = """
  id order_no email phone_number
  subtotal discount delivery_fee_total charge total payment_total use_point
  currency_code create_date update_date order_date payment_date
  OrderStatus { id }
  Customer { id }
  OrderItems {
    id product_name product_code price quantity tax tax_rate tax_adjust
    OrderItemType { id } TaxType { id } TaxDisplayType { id }
  }
"""

_CUSTOMER = "id name01 name02 email phone_number birth point update_date Status { id }"

_PRODUCT = """
  id name update_date
  ProductClasses { id code stock stock_unlimited visible update_date }
"""

_WINDOW = "$start: DateTime!, $end: DateTime!, $page: Int!, $limit: Int!"
_ASKED = "update_datetime_start: $start, update_datetime_end: $end, page: $page, limit: $limit"

ORDER = Document("order", f"query Order($id: ID!) {{ order(id: $id) {{ {_ORDER} }} }}")

# Without a status the list leaves out checkouts that are under way (7 and 8).
ORDERS = Document(
    "orders",
    f"query Orders({_WINDOW}) {{ orders({_ASKED}) {{ totalCount nodes {{ {_ORDER} }} }} }}",
)

CUSTOMER = Document(
    "customer", f"query Customer($id: ID!) {{ customer(id: $id) {{ {_CUSTOMER} }} }}"
)

# Those who have confirmed their address (2), and those who left (3), which no list has by itself.
CUSTOMERS = Document(
    "customers",
    f"""query Customers({_WINDOW}) {{
  customers({_ASKED}, customer_status: ["2", "3"]) {{ totalCount nodes {{ {_CUSTOMER} }} }} }}""",
)

# Shown and hidden ones (1, 2); 3 are those that were given up.
PRODUCTS = Document(
    "products",
    f"""query Products({_WINDOW}) {{
  products({_ASKED}, status: ["1", "2"]) {{ totalCount nodes {{ {_PRODUCT} }} }} }}""",
)

# ``id`` looks into names, ids and codes, and finds parts of them.
PRODUCTS_OF = Document(
    "products",
    f"""query ProductsOf($sku: String!, $page: Int!, $limit: Int!) {{
  products(id: $sku, status: ["1", "2"], page: $page, limit: $limit) {{
    totalCount nodes {{ {_PRODUCT} }} }} }}""",
)

SET_STOCK = Document(
    "updateProductStock",
    """mutation SetStock($code: String!, $stock: Int!) {
  updateProductStock(code: $code, stock: $stock, stock_unlimited: false) { id code stock } }""",
)

CHECK = Document(
    "connection check",
    """query Check {
  __type(name: "Mutation") { fields { name } }
  orders(limit: 1) { nodes { id currency_code add_point use_point Customer { id } } } }""",
)

# A mutation needs both scopes, even one that asks for nothing but its own name.
MAY_WRITE = Document("permission to write", "mutation MayWrite { __typename }")

# ---------------------------------------------------------------- what our companion adds

SET_POINTS = Document(
    "renkeiSetPoints",
    """mutation SetPoints($customer: ID!, $points: Int!, $version: String!) {
  renkeiSetPoints(customer_id: $customer, points: $points, version: $version) {
    customer_id points applied } }""",
)

POINT_RULES = Document(
    "renkeiPointRules",
    """query PointRules {
  renkeiPointRules { option_point basic_point_rate point_conversion_rate } }""",
)
