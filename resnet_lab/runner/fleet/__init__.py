"""Fleets: executors over executors, for several GPUs of one machine and for the nodes of a cluster."""
