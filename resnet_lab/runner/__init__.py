"""Execution of trials: driver, executors, lock and progress output."""
