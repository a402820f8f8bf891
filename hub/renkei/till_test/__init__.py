"""連携テスト: the cases a POS vendor signs off on, run as a till would against a real hub."""
