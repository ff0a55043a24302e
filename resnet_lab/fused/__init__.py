"""Fused kernels of a GPU: batch norm, activation and addition as one operation, in Triton.

`kernels` hold the arithmetic, `function` puts them behind autograd, `network` finds what can be fused in a residual
network, `choose` takes them where they compute as torch does, and faster.
"""
