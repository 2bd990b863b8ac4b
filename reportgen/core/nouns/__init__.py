"""The values that the steps hand on, frozen; their annotations say what is valid."""
