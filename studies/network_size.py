"""Is a network of twenty times the parameters worth it? ResNet-18 against the CIFAR nets of 6n+2 layers.

    python -m studies.network_size                                             about 3 minutes on 2 cores
    python -m studies.network_size --only resnet32 resnet18                    some of the networks
    python -m studies.network_size --scale paper --data-dir DIR                12 runs of 64k iterations: a GPU

Four networks by one recipe: ResNet-20, ResNet-32 and ResNet-44 (0.27, 0.46 and 0.66 M parameters), and ResNet-18 of
ImageNet's four stages, 64 to 512 channels wide, behind a 3x3 stem (11.2 M). The report draws test error against
parameters, FLOPs and seconds, with the Pareto front; any study gets that figure where its arms differ in size, and by
`python -m analysis.report STUDY --figure pareto`.

Expect (test error %, CIFAR-10): 8.75, 7.51 and 7.17 for the three (He et al. 2015, table 6, one run each). One public
reproduction had 10 for ResNet-32 and up to 9 for ResNet-44, and found 9 for a ResNet-18 elsewhere, protocol not stated.
"""

from resnet_lab.spec import DatasetName
from studies.plan.design import Cell, Design, levels_of
from studies.plan.study import Scale, Study


def network(name: str, depth: int, width: int, shortcut: str) -> Cell:
    """Return an arm."""
    return {"model.name": name, "model.depth": depth, "model.width": width, "model.block.shortcut": shortcut}


NETWORKS = {
    **{f"resnet{depth}": network("cifar_resnet", depth, 16, "A") for depth in (20, 32, 44)},
    "resnet18": network("imagenet_resnet", 18, 64, "B"),
}

STUDY = Study(
    name="network_size",
    question="Is a network of twenty times the parameters worth it?",
    arm=levels_of(tuple(NETWORKS.values())),
    listed=tuple(NETWORKS.values()),
    names=tuple(NETWORKS),
    design=Design.LISTED,
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={}, seeds=(0, 1, 2, 3, 4), epochs=4),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={}, seeds=(0, 1, 2)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
