"""A document read by a classifier: in one pass or in windows, its attention layer by layer."""
