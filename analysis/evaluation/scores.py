"""Scores of predictions: loss, top-1 and top-5 accuracy, accuracy by class, confusion matrix, calibration error."""

import warnings
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnet_lab.errors import UserError

TOP = 5
BINS = 15
"""Bins of confidence, equally wide, as in Guo et al. 2017 (arXiv 1706.04599), table 1."""
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The images whose confidence lies in (low, high]: their number, mean confidence and accuracy, in per cent."""

    low: float
    high: float
    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores on one set of images: the loss in nats, counts of images, all else in per cent."""

    images: int
    loss: float
    accuracy: float
    top5: float | None
    """Share of images whose class is among the five likeliest; None under five classes."""
    per_class: list[float | None]
    """Accuracy on the images of each class, None where there are none of it."""
    confusion: list[list[int]]
    """Counts: a row for each true class, a column for each predicted one."""
    ece: float
    """Expected calibration error: mean |accuracy - confidence| of the bins, weighted by their images."""
    bins: list[Bin]
    """The bins that hold images."""

    def as_dict(self) -> dict[str, Any]:
        """Return the scores as JSON values."""
        return asdict(self)


def score(logits: Floats, labels: Integers) -> Scores:
    """Score logits [N, classes] against the true classes [N].

    Raises UserError where there are no images, or a logit is not finite: the network has diverged.
    """
    from scipy.special import log_softmax
    from sklearn import metrics

    if not len(labels):
        raise UserError("there are no images to evaluate on: name another --dataset")
    if not np.isfinite(logits).all():
        lost = int((~np.isfinite(logits)).any(1).sum())
        raise UserError(f"the logits of {lost} of {len(labels)} images are not finite: the network has diverged")
    classes = np.arange(logits.shape[1])
    predicted, log_probabilities = logits.argmax(1), log_softmax(logits, axis=1)
    bins = reliability(np.exp(log_probabilities.max(1)), predicted == labels)
    return Scores(
        images=len(labels),
        loss=-float(log_probabilities[np.arange(len(labels)), labels].mean()),
        accuracy=100 * float(metrics.accuracy_score(labels, predicted)),
        top5=top5(logits, labels, classes),
        per_class=per_class(labels, predicted, classes),
        confusion=metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
        ece=sum(each.images * abs(each.accuracy - each.confidence) for each in bins) / len(labels),
        bins=bins,
    )


def top5(logits: Floats, labels: Integers, classes: Integers) -> float | None:
    """Return the top-5 accuracy in per cent, None under five classes."""
    from sklearn.metrics import top_k_accuracy_score

    if len(classes) < TOP:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of five classes it is 100 %, which scikit-learn warns of
        return 100 * float(top_k_accuracy_score(labels, logits, k=TOP, labels=classes))


def per_class(labels: Integers, predicted: Integers, classes: Integers) -> list[float | None]:
    """Return the accuracy on the images of each class in per cent: its recall; None where there are no images of it."""
    from sklearn.metrics import recall_score

    recalls = recall_score(labels, predicted, labels=classes, average=None, zero_division=np.nan)
    return [None if np.isnan(recall) else 100 * float(recall) for recall in recalls]


def reliability(confidence: Floats, correct: NDArray[np.bool_], bins: int = BINS) -> list[Bin]:
    """Return the bins of confidence [N] that hold images, with the share of them that is correct [N].

    It is scikit-learn's calibration curve, with the number of images of each bin.
    """
    from sklearn.calibration import calibration_curve

    edges = np.linspace(0, 1, bins + 1)
    accuracies, confidences = calibration_curve(correct, confidence, n_bins=bins, strategy="uniform")
    counts = np.bincount(np.searchsorted(edges[1:-1], confidence), minlength=bins)  # the bins of calibration_curve
    filled = np.flatnonzero(counts)
    return [
        Bin(
            low=100 * float(edges[index]),
            high=100 * float(edges[index + 1]),
            images=int(counts[index]),
            confidence=100 * float(mean),
            accuracy=100 * float(share),
        )
        for index, share, mean in zip(filled, accuracies, confidences, strict=True)
    ]
