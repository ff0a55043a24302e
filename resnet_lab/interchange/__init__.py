"""Checkpoints in and out: other projects' files become networks of this one, and the other way round.

`files` reads tensors and runs no code, `names` translates their names, `infer` reads the network from names and
shapes, `coverage` says how much of it was loaded, `importing` and `exporting` put the steps together.
"""
