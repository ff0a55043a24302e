"""Frozen networks: which part a recipe trains, and a head trained on features that are computed once."""
