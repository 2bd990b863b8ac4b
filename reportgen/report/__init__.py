"""From stored attention to scores, rankings, tables and files. Torch is not needed here."""
