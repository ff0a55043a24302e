"""Scores of predictions, against sums by hand."""

import numpy as np
import pytest
from scipy.special import softmax

from analysis.evaluation.scores import reliability, score
from resnet_lab.errors import UserError


def random_logits(images=400, classes=7, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, images)
    logits = generator.normal(size=(images, classes))
    logits[np.arange(images), labels] += 1.5
    return logits, labels


def test_scores_are_the_sums_that_define_them():
    logits, labels = random_logits()
    scores, probabilities = score(logits, labels), softmax(logits, axis=1)
    predicted = logits.argmax(1)
    assert scores.accuracy == pytest.approx(100 * (predicted == labels).mean())
    assert scores.loss == pytest.approx(-np.log(probabilities[np.arange(400), labels]).mean())
    rank = (logits > logits[np.arange(400), labels][:, None]).sum(1)
    assert scores.top5 == pytest.approx(100 * (rank < 5).mean())
    for true in range(7):
        row = [int(((labels == true) & (predicted == other)).sum()) for other in range(7)]
        assert scores.confusion[true] == row
        assert scores.per_class[true] == pytest.approx(100 * row[true] / sum(row))


def test_the_calibration_error_is_the_weighted_gap_of_the_bins():
    logits, labels = random_logits()
    scores, confidence = score(logits, labels), softmax(logits, axis=1).max(1)
    correct, expected = logits.argmax(1) == labels, 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        expected += abs(correct[inside].sum() - confidence[inside].sum()) / 400
    assert scores.ece == pytest.approx(100 * expected)
    assert sum(each.images for each in scores.bins) == 400


def test_a_network_that_knows_how_sure_it_may_be_has_no_calibration_error():
    confidence, correct = np.full(10, 0.7), np.arange(10) < 7
    (only,) = reliability(confidence, correct)
    assert (only.images, only.accuracy) == (10, pytest.approx(only.confidence))
    assert only.low < 70 <= only.high


def test_few_classes_have_no_top5_and_a_class_without_images_no_accuracy():
    logits, labels = random_logits(classes=4)
    assert score(logits, labels).top5 is None
    assert score(*random_logits(classes=5)).top5 == 100
    assert score(logits[labels > 0], labels[labels > 0]).per_class[0] is None


def test_confident_mistakes_cost_their_whole_loss():
    logits = np.array([[0.0, 900.0], [900.0, 0.0]])
    assert score(logits, np.array([0, 0])).loss == pytest.approx(450)


def test_logits_that_are_not_finite_are_refused():
    logits, labels = random_logits()
    logits[3, 2] = np.nan
    with pytest.raises(UserError, match="logits of 1 of 400 images are not finite"):
        score(logits, labels)
    with pytest.raises(UserError, match="no images"):
        score(logits[:0], labels[:0])
