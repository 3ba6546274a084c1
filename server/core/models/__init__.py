"""Language models: what the rest of the server asks of them."""
