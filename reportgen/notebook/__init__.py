"""What Python and notebooks use: a model that is loaded already, a text, and what is shown of them in a cell."""
