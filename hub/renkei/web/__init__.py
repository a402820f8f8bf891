"""HTTP in and out; no rules of business here."""
