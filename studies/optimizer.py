"""Which optimiser trains a residual network best?

    python -m studies.optimizer                                                about 3 minutes on 2 cores
    python -m studies.optimizer --tune                                         each arm at a rate of its own choice
    python -m studies.optimizer --scale paper --data-dir DIR                   40 runs of 64k iterations: a GPU

Eight arms, each at the rate that its source names: 0.1 for SGD and Nesterov (He et al. 2015), 1e-3 for Adam (the
reproduction of `reproduction_ladder`) and AdamW, 1e-2 for RMSprop, 0.1 for Adagrad (Torch blog 2016), 1 for
Adadelta (torch's default), 0.02 for Muon. A comparison at given rates is one of optimisers at those rates: --tune
gives each arm a search of its own.

Expect (test error %, CIFAR-10, ResNet-20, one run each; Torch blog 2016, whose batch size and schedule are not
stated): Nesterov 8.29, RMSprop 9.45, Adadelta 10.93, Adagrad 12.55; SGD 8.75 (He et al. 2015, table 6). Adam at
1e-3 came to 61 % accuracy without augmentation where SGD came to 87.5 (that single reproduction, 32 layers, norm
after the addition).
"""

from resnet_lab.spec import DatasetName
from studies.plan.spaces import loguniform
from studies.plan.study import Scale, Study

RATES = {"adam": 1e-3, "adamw": 1e-3, "rmsprop": 1e-2, "adagrad": 0.1, "adadelta": 1.0, "muon": 0.02}

STUDY = Study(
    name="optimizer",
    question="Which optimiser trains a residual network best?",
    arm={"recipe.optimizer": ("sgd", "nesterov", *RATES)},
    # The warm-up starts at a tenth of the rate, as that of SGD does.
    implies={
        ("recipe.optimizer", name): {"recipe.lr": rate, "recipe.warmup_lr": rate / 10} for name, rate in RATES.items()
    },
    tune=(loguniform("recipe.lr", 1e-4, 2.0),),
    scales={
        "quick": Scale(dataset=DatasetName.DIGITS, context={"model.depth": (20,)}, seeds=(0, 1, 2, 3, 4), epochs=6),
        "paper": Scale(dataset=DatasetName.CIFAR10, context={"model.depth": (20,)}, seeds=(0, 1, 2, 3, 4)),
    },
)

if __name__ == "__main__":
    from studies.cli import main

    main(STUDY)
