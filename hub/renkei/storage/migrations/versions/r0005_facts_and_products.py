"""Stores with their areas and the end of their days, dated facts, products with their classes."""

from alembic import op

from renkei.storage.migrations.scripts import has_running_role, never_down, run_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the three tables; the running hub may read them and add to them."""
    run_file("0005_facts_and_products.sql")
    if has_running_role():
        op.execute("GRANT SELECT, INSERT ON store_setting, fact, product TO renkei_app")


downgrade = never_down
