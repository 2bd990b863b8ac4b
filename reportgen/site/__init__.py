"""A static site of many reports."""
