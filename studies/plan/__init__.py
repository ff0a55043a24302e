"""Planning: from a question and its options to a list of runs."""
