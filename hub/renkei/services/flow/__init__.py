"""What vendors tell and are told: received, read, shown, compared, given up, tried again."""
