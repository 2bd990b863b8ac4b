"""From stored attention to scores, rankings, tables and files, without torch."""
