"""Figures of an open search: its history, and its trials on parallel coordinates."""
