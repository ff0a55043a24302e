"""Execution of a plan: the driver of its trials, and their Optuna storage."""
