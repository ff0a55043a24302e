"""Figure of the confusion matrix: names of many classes on its axes."""

import numpy as np
import pytest

from analysis.evaluation.figures import _confusion
from analysis.evaluation.scores import score


@pytest.mark.parametrize(("classes", "named"), [(10, 10), (102, 102), (1000, 143)])
def test_classes_are_shown_by_their_names(classes, named):
    names = [f"species {label}" for label in range(classes)]
    figure = _confusion(score(np.eye(classes), np.arange(classes)), names, "a flower")
    axes = figure.axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == names[:: -(-classes // named)]
        assert len(labels) == named
    if classes > 60:  # a name takes its 5 points
        assert figure.get_size_inches()[1] * 72 > named * 5
