"""The tokenizer of a model, and the tokens of a text."""
