"""How the hub keeps what it knows: the database, its tables and the one who commits."""
