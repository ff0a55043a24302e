"""What was built: layers, order of operations, parameters, FLOPs and depth, read from the network itself."""
