"""From the attention weights of one layer to the numbers that the report keeps."""
