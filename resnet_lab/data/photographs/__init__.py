"""Photographs: image files of any shape, listed by class, decoded once into squares and kept memory-mapped."""
