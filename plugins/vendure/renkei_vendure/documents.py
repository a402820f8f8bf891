"""The GraphQL documents of the Admin API that the plugin runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """A document and the name of its operation."""

    name: str
    text: str


# Asked with each amount: how large the smallest unit is, is the shop's own decision.
_PRECISION = "globalSettings { serverConfig { moneyStrategyPrecision } }"

_ORDER = """
  id code type state currencyCode orderPlacedAt
  subTotalWithTax shippingWithTax totalWithTax
  customer { id emailAddress user { verified } }
  lines {
    id quantity orderPlacedQuantity taxRate
    proratedUnitPriceWithTax proratedLinePriceWithTax
    productVariant { sku name }
  }
  surcharges { priceWithTax }
  payments {
    amount state createdAt
    refunds { total shipping state createdAt lines { orderLineId quantity } }
  }
  fulfillments { createdAt }
  modifications { createdAt }
"""

_CUSTOMER = """
  id emailAddress firstName lastName phoneNumber createdAt updatedAt
  user { verified updatedAt }
"""

LOGIN = Document(
    "Login",
    "mutation Login($user: String!, $password: String!) {"
    " login(username: $user, password: $password) { __typename } }",
)

ORDER = Document("Order", f"query Order($id: ID!) {{ {_PRECISION} order(id: $id) {{ {_ORDER} }} }}")

# By one field only: of several, Vendure takes the one that its schema names first, the id, and an
# order gets that when its cart is made.
ORDERS = Document(
    "Orders",
    f"""query Orders($take: Int!, $filter: OrderFilterParameter!) {{ {_PRECISION}
  orders(options: {{ take: $take, sort: {{ orderPlacedAt: ASC }}, filter: $filter }}) {{
    totalItems items {{ {_ORDER} }}
  }} }}""",
)

CUSTOMER = Document(
    "Customer", f"query Customer($id: ID!) {{ customer(id: $id) {{ {_CUSTOMER} }} }}"
)

CUSTOMERS = Document(
    "Customers",
    f"""query Customers($take: Int!, $filter: CustomerFilterParameter!) {{
  customers(options: {{ take: $take, sort: {{ createdAt: ASC }}, filter: $filter }}) {{
    totalItems items {{ {_CUSTOMER} }}
  }} }}""",
)

CHECK = Document(
    "Check",
    """query Check {
  me { channels { id permissions } }
  activeChannel { id defaultCurrencyCode }
  globalSettings {
    serverConfig {
      entityCustomFields { entityName customFields { ... on CustomField { name type } } }
    }
  } }""",
)

CATALOGUE = Document(
    "Catalogue",
    f"""query Catalogue {{ {_PRECISION}
  productVariants {{ items {{ sku name priceWithTax taxRateApplied {{ value }} }} }} }}""",
)


def points_read(field: str) -> Document:
    """Read the custom field of this name; the settings let only names of fields through."""
    text = f"query Points($id: ID!) {{ customer(id: $id) {{ customFields {{ {field} }} }} }}"
    return Document("Points", text)


def points_write(field: str) -> Document:
    """Write it."""
    return Document(
        "WritePoints",
        f"""mutation WritePoints($input: UpdateCustomerInput!) {{ updateCustomer(input: $input) {{
  __typename ... on Customer {{ customFields {{ {field} }} }} }} }}""",
    )
