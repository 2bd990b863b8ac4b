"""What every room uses: the nouns, the configuration, errors, files, time, and processes."""
