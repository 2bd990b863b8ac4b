"""Turn the stored reports of a batch into one report over all of them; no model, no torch."""
