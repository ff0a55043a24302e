"""Adaptive search over Optuna."""
