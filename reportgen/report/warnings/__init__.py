"""What a reader must know first: whether a run can be trusted, and what its attention cannot say."""
