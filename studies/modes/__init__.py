"""Modes: how a launch spends its trials, one file per option."""
