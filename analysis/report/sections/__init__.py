"""Sections of a study's report, one file per heading."""
