"""The instrument: networks of residual blocks, data, the training engine, checkpoints and the door to MLflow."""
