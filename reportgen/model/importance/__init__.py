"""Head importance: measured on a sample, written to a file, read back."""
