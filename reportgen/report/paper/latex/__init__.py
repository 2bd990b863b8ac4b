"""Heatmap, tables and citations of a report in LaTeX, for a manuscript of any class, language and engine."""
