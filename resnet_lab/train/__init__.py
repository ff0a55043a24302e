"""Training of one network from the command line: any spec by dotted names, run as a study runs its trials."""
