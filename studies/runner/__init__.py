"""Execution of a plan: driver, executors, Optuna storage, lock and progress output."""
