"""Deliveries, changed objects, polls, mirror rows, the feed."""
