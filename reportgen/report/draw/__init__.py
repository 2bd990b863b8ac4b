"""Charts, maps, and the sentences about them."""
