"""What several plugins need and the hub must not own."""
