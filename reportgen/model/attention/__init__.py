"""From one layer's attention weights to what the report keeps of them."""
