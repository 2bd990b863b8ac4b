"""Turn the numbers of a comparison into coloured texts and charts, and these with its sections into its files."""
