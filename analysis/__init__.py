"""The measurements: reads runs and checkpoints into statistics, figures and tables. Trains nothing."""
