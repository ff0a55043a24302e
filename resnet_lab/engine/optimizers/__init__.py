"""Optimisers: those of torch by name, and two of our own."""
