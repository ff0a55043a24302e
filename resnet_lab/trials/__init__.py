"""Trials: a folder per run, and the processes that fill it."""
