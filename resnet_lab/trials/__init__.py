"""Trials: one folder for each, and the worker processes that fill it."""
