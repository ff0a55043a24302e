"""Images: which sets there are, how they are verified, read, split, and augmented.

`catalog` and `load` import without torch, so that a command can check the data before anything is written;
tensors appear in `images` and `augment`. Whole sets live in memory as uint8 [N, H, W, C].
"""
