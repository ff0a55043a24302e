"""Labels of arms: a number that the arm's shortcut does not read is no part of them."""

from analysis.tables.cells import changes
from analysis.tables.labels import full_label

A = {"model.block.shortcut": "A", "model.block.branch_scale": 0.5, "model.block.gate_bias": -6.0}
GATED = A | {"model.block.shortcut": "exclusive_gating"}


def test_a_number_that_no_shortcut_reads_is_left_out():
    assert full_label(A) == "shortcut=A"
    assert full_label(GATED) == "shortcut=exclusive_gating, gate_bias=-6.0"


def test_the_default_of_a_number_is_said_where_the_baseline_does_not_read_it():
    assert changes(GATED, A) == "shortcut=\n  exclusive_gating\ngate_bias=-6.0"
    assert changes(A, A) == "baseline"


def test_a_depth_that_the_family_does_not_read_is_left_out():
    cnn, resnet = ({"model.name": name, "model.depth": 20} for name in ("mnist_cnn", "cifar_resnet"))
    assert full_label(cnn) == "name=mnist_cnn"
    assert full_label(resnet) == "name=cifar_resnet, depth=20"
