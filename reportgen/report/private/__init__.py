"""A report that others may see: with other names, or without some words of its text."""
