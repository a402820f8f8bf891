"""A key has one index that fits it: the planner of a new database takes the wrong one of two."""

from renkei.storage.migrations.scripts import never_down, run

revision = "0017"
down_revision = "0016b"

INDEXES = """
-- A store's day stands first in a sale's natural key: the index of the day is that of the key.
DROP INDEX order_key_connection_id_store_business_date_idx;
ALTER TABLE order_key DROP CONSTRAINT order_key_pkey,
    ADD PRIMARY KEY (connection_id, store, business_date, till, settlement_count, receipt_number);
-- Orders of a connection are found by name alone; the same sale elsewhere by total and moment.
DROP INDEX orders_connection_id_total_placed_at_idx;
CREATE INDEX ON orders (total, placed_at);"""


def upgrade() -> None:
    """Two indexes in the place of four."""
    run(INDEXES)


downgrade = never_down
