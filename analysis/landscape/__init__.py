"""Loss landscape around a trained network, and gradient norms by layer before and after training."""
