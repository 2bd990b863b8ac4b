"""Measure speed and size, compared with other tools: `make bench` writes README.md."""
