"""Inputs of an analysis: trained networks, decomposed, and their images."""
