"""The embedded demo: a small trained model, its documents, its model card and the scripts that made it."""
