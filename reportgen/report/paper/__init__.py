"""The PDF, and the figures, tables and citations for a manuscript."""
