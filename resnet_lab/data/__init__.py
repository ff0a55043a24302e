"""Images: the catalog of sets, their verification, reading, split and augmentation.

`catalog` and `load` import without torch, so that a command can check the data before anything is written;
tensors appear in `images` and `augment`. Whole sets live in memory as uint8 [N, H, W, C].
"""
