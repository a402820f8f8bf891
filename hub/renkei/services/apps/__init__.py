"""What a merchant's own cart, app or site asks for, and a shopper in a vendor's shop."""
