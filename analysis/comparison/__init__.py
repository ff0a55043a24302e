"""Comparison of arms with a baseline, and of results with published figures."""
