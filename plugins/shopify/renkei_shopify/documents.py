"""Every GraphQL document this plugin sends; the tests validate each against Shopify's schema.

Cost decides the shapes: a connection costs its page size times what hangs below, and one document
may cost 1000 points at most. So a page of changed orders gives ids only, and refunds, which sit
in a list of unbounded length, are read one by one.
"""

from dataclasses import dataclass

MAX_REFUNDS = 100
"""Refunds named by one reading of an order."""


@dataclass(frozen=True)
class Document:
    """A named operation."""

    name: str
    text: str


_PAGE_INFO = "pageInfo { hasNextPage endCursor }"
_SHOP_MONEY = "{ shopMoney { amount } }"

_LINE = f"""id title sku quantity currentQuantity isGiftCard
        originalUnitPriceSet {_SHOP_MONEY}
        discountAllocations {{
          allocatedAmountSet {_SHOP_MONEY}
          discountApplication {{
            __typename index
            ... on DiscountCodeApplication {{ code }}
            ... on ManualDiscountApplication {{ title }}
          }}
        }}
        taxLines {{ title rate }}"""

_LINES = f"""{{
      {_PAGE_INFO}
      nodes {{
        {_LINE}
      }}
    }}"""

_ORDER = f"""legacyResourceId name createdAt processedAt updatedAt cancelledAt
    displayFinancialStatus displayFulfillmentStatus currencyCode taxesIncluded test email phone
    retailLocation {{ legacyResourceId }}
    sourceName sourceIdentifier
    customer {{ legacyResourceId }}
    customAttributes {{ key value }}
    totalShippingPriceSet {_SHOP_MONEY}
    refunds(first: {MAX_REFUNDS}) {{ id }}"""

_CUSTOMER = """{
    legacyResourceId firstName lastName updatedAt verifiedEmail
    defaultEmailAddress { emailAddress }
    defaultPhoneNumber { phoneNumber }
  }"""

ORDER = Document(
    "RenkeiOrder",
    f"""query RenkeiOrder($id: ID!) {{
  order(id: $id) {{
    {_ORDER}
    lineItems(first: 25) {_LINES}
  }}
}}""",
)

ORDER_LINES = Document(
    "RenkeiOrderLines",
    f"""query RenkeiOrderLines($id: ID!, $after: String) {{
  order(id: $id) {{
    lineItems(first: 25, after: $after) {_LINES}
  }}
}}""",
)

REFUND = Document(
    "RenkeiRefund",
    f"""query RenkeiRefund($id: ID!, $after: String) {{
  refund(id: $id) {{
    refundLineItems(first: 25, after: $after) {{
      {_PAGE_INFO}
      nodes {{
        lineItem {{ id }} quantity subtotalSet {_SHOP_MONEY} totalTaxSet {_SHOP_MONEY}
      }}
    }}
    refundShippingLines(first: 25) {{
      {_PAGE_INFO}
      nodes {{ subtotalAmountSet {_SHOP_MONEY} taxAmountSet {_SHOP_MONEY} }}
    }}
    duties {{ amountSet {_SHOP_MONEY} }}
    transactions(first: 25) {{
      {_PAGE_INFO}
      nodes {{ kind status amountSet {_SHOP_MONEY} }}
    }}
  }}
}}""",
)

ORDERS_CHANGED = Document(
    "RenkeiOrdersChanged",
    f"""query RenkeiOrdersChanged($filter: String!, $first: Int!, $after: String) {{
  orders(query: $filter, sortKey: UPDATED_AT, first: $first, after: $after) {{
    {_PAGE_INFO}
    nodes {{ legacyResourceId }}
  }}
}}""",
)


def orders_export(filter: str) -> Document:
    """The orders of a filter, for a bulk operation, which takes no variables.

    It takes no connection within a list either (its own refusal says so), so that of refunds it
    tells only that there are some.
    """
    return Document(
        "RenkeiOrdersExport",
        f"""query RenkeiOrdersExport {{
  orders(query: "{filter}") {{
    edges {{
      node {{
        id
        {_ORDER}
        lineItems {{ edges {{ node {{ {_LINE} }} }} }}
      }}
    }}
  }}
}}""",
    )


ORDERS_EXPORT = orders_export("")

EXPORT_BEGIN = Document(
    "RenkeiExportBegin",
    """mutation RenkeiExportBegin($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: true) {
    bulkOperation { id }
    userErrors { field message code }
  }
}""",
)

EXPORT = Document(
    "RenkeiExport",
    """query RenkeiExport($id: ID!) {
  bulkOperation(id: $id) { status errorCode objectCount fileSize url }
}""",
)

CUSTOMER = Document(
    "RenkeiCustomer",
    f"""query RenkeiCustomer($id: ID!) {{
  customer(id: $id) {_CUSTOMER}
}}""",
)

CUSTOMERS_CHANGED = Document(
    "RenkeiCustomersChanged",
    f"""query RenkeiCustomersChanged($filter: String!, $first: Int!, $after: String) {{
  customers(query: $filter, sortKey: UPDATED_AT, first: $first, after: $after) {{
    {_PAGE_INFO}
    nodes {_CUSTOMER}
  }}
}}""",
)

POINTS_READ = Document(
    "RenkeiPointsRead",
    """query RenkeiPointsRead($id: ID!, $namespace: String, $key: String!) {
  customer(id: $id) { metafield(namespace: $namespace, key: $key) { value } }
}""",
)

POINTS_WRITE = Document(
    "RenkeiPointsWrite",
    """mutation RenkeiPointsWrite($metafields: [MetafieldsSetInput!]!) {
  metafieldsSet(metafields: $metafields) {
    metafields { value }
    userErrors { field message code }
  }
}""",
)

COUPON = Document(
    "RenkeiCoupon",
    """query RenkeiCoupon($code: String!) {
  codeDiscountNodeByCode(code: $code) {
    id
    codeDiscount {
      __typename
      ... on DiscountCodeBasic {
        endsAt usageLimit
        codes(first: 2) { nodes { code } }
        customerGets { value { __typename ... on DiscountAmount { amount { amount } } } }
      }
    }
  }
}""",
)

COUPON_ISSUE = Document(
    "RenkeiCouponIssue",
    """mutation RenkeiCouponIssue($discount: DiscountCodeBasicInput!) {
  discountCodeBasicCreate(basicCodeDiscount: $discount) {
    codeDiscountNode { id }
    userErrors { field message code }
  }
}""",
)

COUPON_REVOKE = Document(
    "RenkeiCouponRevoke",
    """mutation RenkeiCouponRevoke($id: ID!) {
  discountCodeDelete(id: $id) {
    deletedCodeDiscountId
    userErrors { field message code }
  }
}""",
)

STOCK_ITEMS = Document(
    "RenkeiStockItems",
    """query RenkeiStockItems($filter: String!) {
  inventoryItems(first: 10, query: $filter) { nodes { id sku } }
}""",
)

STOCK_LEVELS = Document(
    "RenkeiStockLevels",
    f"""query RenkeiStockLevels($id: ID!, $after: String) {{
  inventoryItem(id: $id) {{
    inventoryLevels(first: 50, after: $after) {{
      {_PAGE_INFO}
      nodes {{
        location {{ legacyResourceId }}
        updatedAt
        quantities(names: ["available"]) {{ quantity updatedAt }}
      }}
    }}
  }}
}}""",
)

STOCK_SET = Document(
    "RenkeiStockSet",
    """mutation RenkeiStockSet($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    userErrors { field message code }
  }
}""",
)

CONNECTION_CHECK = Document(
    "RenkeiConnectionCheck",
    """query RenkeiConnectionCheck {
  shop { currencyCode myshopifyDomain }
  currentAppInstallation { accessScopes { handle } }
  webhookSubscriptions(first: 100) { nodes { topic uri } }
}""",
)

SUBSCRIBE = Document(
    "RenkeiSubscribe",
    """mutation RenkeiSubscribe(
  $topic: WebhookSubscriptionTopic!, $subscription: WebhookSubscriptionInput!
) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $subscription) {
    webhookSubscription { topic uri }
    userErrors { field message }
  }
}""",
)

ALL = (
    ORDER,
    ORDER_LINES,
    REFUND,
    ORDERS_CHANGED,
    ORDERS_EXPORT,
    EXPORT_BEGIN,
    EXPORT,
    CUSTOMER,
    CUSTOMERS_CHANGED,
    POINTS_READ,
    POINTS_WRITE,
    COUPON,
    COUPON_ISSUE,
    COUPON_REVOKE,
    STOCK_ITEMS,
    STOCK_LEVELS,
    STOCK_SET,
    CONNECTION_CHECK,
    SUBSCRIBE,
)
"""For the test that validates them all."""
