"""The GraphQL documents of the shop actions."""

from __future__ import annotations

from renkei_vendure.peer.graphql import ERROR_RESULT

# ------------------------------------------------------------------------------ Shop API

REGISTER = f"""
mutation($input: RegisterCustomerInput!) {{
  registerCustomerAccount(input: $input) {{ {ERROR_RESULT} }}
}}"""
VERIFY = f"""
mutation($token: String!) {{
  verifyCustomerAccount(token: $token) {{ {ERROR_RESULT} }}
}}"""
ACTIVE_CUSTOMER = """
{ activeCustomer { id emailAddress firstName lastName customFields { hubPoints } } }"""
RENAME = """
mutation($input: UpdateCustomerInput!) { updateCustomer(input: $input) { id } }"""
ADD_ITEM = f"""
mutation($variant: ID!, $quantity: Int!) {{
  addItemToOrder(productVariantId: $variant, quantity: $quantity) {{ {ERROR_RESULT} }}
}}"""
SET_CUSTOMER = f"""
mutation($input: CreateCustomerInput!) {{
  setCustomerForOrder(input: $input) {{ {ERROR_RESULT} }}
}}"""
SET_ADDRESS = f"""
mutation($input: CreateAddressInput!) {{
  setOrderShippingAddress(input: $input) {{ {ERROR_RESULT} }}
}}"""
SHIPPING_METHODS = "{ eligibleShippingMethods { id } }"
SET_SHIPPING = f"""
mutation($methods: [ID!]!) {{
  setOrderShippingMethod(shippingMethodId: $methods) {{ {ERROR_RESULT} }}
}}"""
TO_PAYMENT = f"""
mutation {{ transitionOrderToState(state: "ArrangingPayment") {{ {ERROR_RESULT} }} }}"""
PAY = f"""
mutation {{
  addPaymentToOrder(input: {{ method: "test-card", metadata: {{}} }}) {{
    {ERROR_RESULT}
    ... on Order {{ id code state }}
  }}
}}"""

# ----------------------------------------------------------------------------- Admin API

VARIANTS = "{ productVariants { items { id sku } } }"
CUSTOMER = "query($id: ID!) { customer(id: $id) { id emailAddress } }"
CANCEL = f"""
mutation($input: CancelOrderInput!) {{ cancelOrder(input: $input) {{ {ERROR_RESULT} }} }}"""
REFUND = f"""
mutation($input: RefundOrderInput!) {{
  refundOrder(input: $input) {{ {ERROR_RESULT} ... on Refund {{ id }} }}
}}"""
TO_STATE = f"""
mutation($id: ID!, $state: String!) {{
  transitionOrderToState(id: $id, state: $state) {{ {ERROR_RESULT} }}
}}"""
MODIFY = f"""
mutation($input: ModifyOrderInput!) {{ modifyOrder(input: $input) {{ {ERROR_RESULT} }} }}"""
FULFIL = f"""
mutation($input: FulfillOrderInput!) {{
  addFulfillmentToOrder(input: $input) {{ {ERROR_RESULT} ... on Fulfillment {{ id }} }}
}}"""
PARCEL_TO_STATE = f"""
mutation($id: ID!, $state: String!) {{
  transitionFulfillmentToState(id: $id, state: $state) {{ {ERROR_RESULT} }}
}}"""
CHANGE_CUSTOMER = f"""
mutation($input: UpdateCustomerInput!) {{
  updateCustomer(input: $input) {{ {ERROR_RESULT} }}
}}"""
DELETE_CUSTOMER = "mutation($id: ID!) { deleteCustomer(id: $id) { result } }"
ORDER = """
query($id: ID!) {
  order(id: $id) {
    id code state active currencyCode createdAt updatedAt orderPlacedAt
    totalWithTax shippingWithTax
    customer { id emailAddress user { verified } }
    lines {
      id quantity orderPlacedQuantity taxRate proratedUnitPriceWithTax proratedLinePriceWithTax
      productVariant { sku name }
    }
    payments {
      id method amount state
      refunds { id total state reason createdAt lines { orderLineId quantity } }
    }
  }
}"""

# ------------------------------------------------------------------------------ variables

ADDRESS = {
    "fullName": "山田 花子",
    "streetLine1": "丸の内1-1-1",
    "city": "千代田区",
    "province": "東京都",
    "postalCode": "100-0005",
    "countryCode": "JP",
}
