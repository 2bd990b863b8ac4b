"""Lay two reports, or two batches, side by side: what they have in common, what differs, by how much."""
