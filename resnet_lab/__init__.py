"""The laboratory: networks of residual blocks, data, the training engine, checkpoints and MLflow tracking."""
