"""The report of an open search."""
