"""Interchange of checkpoints: import of other projects' files, and export to their names.

`files` reads tensors and runs no code, `names` translates their names, `infer` reads the network from names and
shapes, `coverage` counts how much of it was loaded, `importing` and `exporting` put the steps together.
"""
