"""Fill an empty Tryton database with a Japanese shop: a yen company, goods, one till, two tenders.

Runs inside Tryton's own virtual environment, never inside the hub's:
``python setup_shop.py DATABASE CONFIG_FILE``.  The modules are activated before (trytond-admin).
"""

from __future__ import annotations

import datetime
import importlib
import os
import sys
from decimal import Decimal
from typing import Any

GOODS = (
    ("TEA-1", "煎茶", "1080", "0.08"),
    ("CAKE-1", "栗ようかん", "1728", "0.08"),
    ("CUP-1", "有田焼の湯のみ", "3300", "0.10"),
    ("POT-1", "急須", "8800", "0.10"),
    # Sold in negative quantities: one yen off for each piece.
    ("DISCOUNT", "値引き", "1", "0.10"),
)
SERVICES = frozenset({"DISCOUNT"})


def tryton(module: str) -> Any:
    """Import a module of Tryton's environment, which the hub's has not got."""
    return importlib.import_module(module)


def model(name: str) -> Any:
    """Return the proteus class of a Tryton model."""
    return tryton("proteus").Model.get(name)


def create_company() -> Any:
    """Create the yen company and make it the one the administrator works for."""
    tools = tryton("trytond.modules.company.tests.tools")
    currency = model("currency.currency")(name="円", code="JPY", numeric_code="392", symbol="¥")
    currency.digits, currency.rounding = 0, Decimal(1)
    currency.save()
    party = model("party.party")(name="れんけい茶舗")
    party.save()
    tools.create_company(party=party, currency=currency)
    company = tools.get_company()
    company.timezone = "Asia/Tokyo"  # by which its sales are dated
    company.save()
    users = model("res.user")
    current = tryton("proteus.config").get_config()
    user = users(current.user)
    user.companies.append(model("company.company")(company.id))
    user.company = model("company.company")(company.id)
    user.save()
    current._context = users.get_preferences(True, current.context)
    return company


def create_accounts(company: Any) -> dict[str, Any]:
    """Create the chart of accounts and one long fiscal year; return the accounts by kind."""
    tools = tryton("trytond.modules.account.tests.tools")
    invoices = tryton("trytond.modules.account_invoice.tests.tools")
    tools.create_chart(company)
    today = datetime.datetime.now().astimezone().date()
    span = datetime.date(today.year, 1, 1), datetime.date(today.year + 2, 12, 31)
    year = invoices.set_fiscalyear_invoice_sequences(tools.create_fiscalyear(company, today=span))
    year.click("create_period")
    accounts: dict[str, Any] = tools.get_accounts(company)
    return accounts


def create_goods(company: Any, revenue: Any) -> None:
    """Create the goods with prices which include the tax of their rate."""
    create_tax = tryton("trytond.modules.account.tests.tools").create_tax
    unit, *_ = model("product.uom").find([("name", "=", "Unit")])
    categories = {}
    for rate in sorted({rate for *_, rate in GOODS}):
        tax = create_tax(Decimal(rate), company)
        tax.save()
        category = model("product.category")(name=f"tax {rate}", accounting=True)
        category.account_revenue = revenue
        category.customer_taxes.append(tax)
        category.save()
        categories[rate] = category
    for code, name, price, rate in GOODS:
        template = model("product.template")(name=name, default_uom=unit, salable=True)
        template.type = "service" if code in SERVICES else "goods"
        template.account_category = categories[rate]
        template.gross_price = Decimal(price)
        template.products[0].suffix_code = code
        template.save()


def create_till() -> None:
    """Create the one till of the shop; what comes back goes to the storage."""
    location, sequence_type = model("stock.location"), model("ir.sequence.type")
    till = model("sale.point")(name="新宿店 レジ1")
    (till.journal,) = model("account.journal").find([("type", "=", "revenue")], limit=1)
    till.sequence = model("ir.sequence.strict")(name="POS", company=till.company)
    (till.sequence.sequence_type,) = sequence_type.find([("name", "=", "POS")], limit=1)
    till.sequence.save()
    (till.storage_location,) = location.find([("code", "=", "STO")])
    (till.customer_location,) = location.find([("code", "=", "CUS")])
    till.return_location = till.storage_location
    till.save()


def create_tenders(cash_account: Any) -> None:
    """Create the payment methods: cash, and points which the hub redeems."""
    tender = model("sale.point.payment.method")
    (points_account,) = cash_account.duplicate(default={"name": "Points"})
    tender(name="Cash", account=cash_account, cash=True).save()
    tender(name="Points", account=points_account).save()


def main(database: str, config_file: str) -> None:
    """Set the shop up; nothing is done when it is there already."""
    os.environ["TRYTOND_CONFIG"] = config_file  # read when trytond is imported
    tryton("proteus.config").set_trytond(database, config_file=config_file)
    if model("sale.point").find([]):
        return
    company = create_company()
    accounts = create_accounts(company)
    create_goods(company, accounts["revenue"])
    create_till()
    create_tenders(accounts["cash"])


if __name__ == "__main__":
    main(*sys.argv[1:])
