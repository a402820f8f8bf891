"""What a sale earns and what it may use. Pure."""
