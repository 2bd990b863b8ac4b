"""From a source and a choice to one example: files, folders, and datasets of the hub."""
