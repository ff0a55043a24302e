"""Evaluation of a trained network on test images: accuracy, confusion matrix and calibration."""
