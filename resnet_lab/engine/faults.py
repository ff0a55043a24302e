"""Faults of a protocol as the engine commits them: on the images, on the seed, and in the view of the test images.

A correct protocol gets back what it came with, the very same object.
"""

import dataclasses
from hashlib import sha256

import torch
from torch import nn

from resnet_lab.data.augment import draw, make_batch, pad, padding_of
from resnet_lab.data.images import ImageData
from resnet_lab.engine.evaluate import BATCH, Evaluation, score
from resnet_lab.engine.precision import autocast
from resnet_lab.spec import RunSpec
from resnet_lab.spec.choices import HeadClasses, Normalisation, Seeding, Validation
from resnet_lab.spec.fingerprint import cell_fingerprint
from resnet_lab.spec.protocol import IMAGENET_CLASSES, normalise_of
from resnet_lab.spec.run_spec import MAX_SEED


def faulty_images(spec: RunSpec, data: ImageData) -> ImageData:
    """Return the images as the protocol has them: as they are, not normalised, test for validation, of 1,000 classes.

    A head of 1,000 classes is built from the number of classes, and gets no other label than before.
    """
    protocol = spec.protocol
    if protocol.normalisation == Normalisation.FORGOTTEN:
        data = data.normalised(normalise_of(spec))
    if protocol.validation == Validation.TEST:
        data = dataclasses.replace(data, val=data.test)
    if protocol.head_classes == HeadClasses.IMAGENET:
        data = dataclasses.replace(data, classes=IMAGENET_CLASSES)
    return data


def with_own_seed(spec: RunSpec) -> RunSpec:
    """Return the run with a seed of its arm's own where the protocol sets none: a function of its fields and seed."""
    if spec.protocol.seeding == Seeding.PAIRED:
        return spec
    digest = sha256(f"unpaired/{cell_fingerprint(spec)}/{spec.seed}".encode()).digest()
    return dataclasses.replace(spec, seed=int.from_bytes(digest[:8], "big") % (MAX_SEED + 1))


@torch.inference_mode()
def evaluate_augmented(model: nn.Module, data: ImageData, spec: RunSpec, epoch: int, dtype: torch.dtype) -> Evaluation:
    """Evaluate in eval mode on the test images as the training augmentation draws them; the mode is restored.

    The draws are a function of seed and epoch that no epoch of training has. Mixup, which changes labels, is left out.
    """
    training, count, device = model.training, len(data.test), data.test.pixels.device
    model.eval()
    recipe, images = dataclasses.replace(spec.recipe, mixup=0.0), dataclasses.replace(data, train=data.test)
    padded = pad(data.test, padding_of(recipe, data.margin), data.channel_mean)
    drawn = draw(count, recipe, seed=spec.seed, epoch=-1 - epoch, margin=data.margin)
    draws = dataclasses.replace(drawn, order=torch.arange(count)).to(device)
    logits = []
    for start in range(0, count, BATCH[device.type]):
        x, _ = make_batch(images, draws.part(slice(start, start + BATCH[device.type])), recipe, padded, dtype)
        with autocast(device, dtype):
            logits.append(model(x).float())
    model.train(training)
    return score(torch.cat(logits), data.test.labels)
