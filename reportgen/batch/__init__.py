"""Many reports: which rows, made where, and what became of each."""
