"""Inspection of a built network: layers, order of operations, parameters, FLOPs and depth, read from its modules."""
