"""What a report folder holds of a report: written, read back, and checked."""
