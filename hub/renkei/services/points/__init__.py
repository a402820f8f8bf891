"""Points beside orders: set aside, corrected, expired, exchanged; coupons and quotas."""
