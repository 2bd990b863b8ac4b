"""The test suite: one file per stage, named by behaviour."""
