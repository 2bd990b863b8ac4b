"""From an example to a prediction and its attention: the only room that knows torch."""
