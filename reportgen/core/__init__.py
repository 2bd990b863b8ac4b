"""What every room uses: records, configuration, errors, files, time and processes."""
