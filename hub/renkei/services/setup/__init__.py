"""What a merchant sets up: connections, programs, stores, products, facts."""
