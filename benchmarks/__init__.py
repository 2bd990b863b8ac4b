"""How fast, how large, and beside what: `make bench` measures, README.md tells."""
