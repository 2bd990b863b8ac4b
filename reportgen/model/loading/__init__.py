"""Load a model's configuration and weights: exactly what its files hold, or an error that says what is wrong."""
