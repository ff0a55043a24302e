"""The benchmark's sides compute the same, so that its ratio compares like with like. Nothing is timed."""

import pytest
import torch

from ablations.spec import BlockSpec
from analysis.inputs.chain import decompose
from analysis.paths.recording import prepare, record_chain
from analysis.paths.spectrum import by_length
from benchmarks.harness.naive_spectrum import kept_graphs, naive
from benchmarks.path_spectrum import Options, measure, table
from resnet_lab.engine.initialise import initialise
from resnet_lab.networks import build_network
from resnet_lab.spec import ModelSpec


@pytest.mark.parametrize(
    "block", [BlockSpec(), BlockSpec(preactivation="full", shortcut="B"), BlockSpec(downsample="separate_conv")]
)
def test_the_naive_forms_agree_with_ours(block):
    net = build_network(ModelSpec(depth=14, width=4, block=block), channels=1)
    initialise(net, 0)
    chain = decompose(net)
    prepare(chain, "eval")
    images = torch.randn(2, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([1, 2])
    expected = by_length(record_chain(chain, images, labels))
    for form in (naive, kept_graphs):
        torch.testing.assert_close(form(chain, images, labels), expected, rtol=1e-9, atol=1e-15)


def test_the_report_fits_a_terminal():
    result = measure(Options(depth=8, images=2, threads=1))
    assert result["largest_difference"] < 1e-10
    assert result["ratio"] > 0
    assert all(len(line) <= 80 for line in table(result).splitlines())
    alone = measure(Options(depth=8, images=2, threads=1, alone=True))
    assert alone["ratio"] is None
    assert "grad per block" not in table(alone)
