"""File formats of public data sets: CIFAR in both versions, and IDX."""
