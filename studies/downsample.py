"""Where should a network halve its image: in the blocks, or in convolutions of their own?

    python -m studies.downsample                                               about 2 minutes on 2 cores
    python -m studies.downsample --scale paper --data-dir DIR                  30 runs of 64k iterations: a GPU

Three arms: the stride in the first block of a stage (He et al. 2015, section 4.2); the reading of one public
reproduction, a stride-2 convolution of its own with norm and ReLU after each of the three stages, the third before
pooling; and that reading without the third. Every block then keeps its shape, and no shortcut has to pad. The audit
lists what the convolutions add in parameters and depth.

Expect (test error %, CIFAR-10): in the block 7.51 with 32 layers and 7.17 with 44 (He et al. 2015, table 6, one run
each); by the reproduction, with a convolution after each stage and images that are not normalised, 9.6 at best with
32 layers and 9 with 44 (single runs).
"""

from resnet_lab.spec import DatasetName
from studies.plan.study import Scale, Study

STUDY = Study(
    name="downsample",
    question="Where should a network halve its image?",
    arm={"model.block.downsample": ("in_block", "separate_conv", "separate_conv_each")},
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20, 44)}, seeds=(0, 1, 2, 3, 4), epochs=6),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (32, 44)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
