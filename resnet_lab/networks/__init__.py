"""The networks, one family a file; `resnet_lab.network.build_network` picks one by `model.name`.

Residual blocks are `ablations.block.ResidualBlock` in all of them, so that whatever takes a network
apart knows one kind.
"""
