"""Listings of what can be asked for: commands, networks, data sets and switches, as text and JSON."""
