"""Alembic migrations of the hub's database; forwards only, run as the database's owner."""
