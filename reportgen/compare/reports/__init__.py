"""Turn two reports into their comparison: a section each for predictions, words, heads, shares, test and settings."""
