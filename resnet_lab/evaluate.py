"""Evaluation of a trained network on the test images of its data set.

python -m resnet_lab.evaluate --checkpoint PATH                         a trial's folder, or any file of interchange
python -m resnet_lab.evaluate --checkpoint PATH --dataset cifar10 --data-dir DIR --json
"""

from analysis.evaluation.command import main

if __name__ == "__main__":
    main()
