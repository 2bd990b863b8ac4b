"""How much every attention head matters: measured over a sample, written to a file, read back."""
