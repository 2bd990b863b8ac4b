"""The HTML page and the data that its scripts compute with."""
