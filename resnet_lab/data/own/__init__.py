"""Images of one's own as arrays: from a file of NumPy's, from a callable or a torch Dataset, or handed to `train`."""
