"""Charts, maps and their captions."""
