"""What registers ask for: sales and after, offline, the feed, their credentials and files."""
