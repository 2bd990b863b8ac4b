"""Turn two batches into their comparison: documents paired by their texts, sums over the pairs, sections of these."""
