"""`python -m reportgen` is `reportgen`."""

from reportgen.cli import script

if __name__ == "__main__":
    script()
