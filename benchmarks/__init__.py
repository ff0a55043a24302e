"""Benchmarks: each script prints its ratio. What was measured, and what it led to, is in NOTES.md."""
