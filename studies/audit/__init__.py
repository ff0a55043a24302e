"""The audit of a plan: what its arms are once they are built."""
