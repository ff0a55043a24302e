"""Mixup: what is drawn, and images, labels and loss against the definition (Zhang et al. 2018, section 2)."""

import torch
import torch.nn.functional as F
from scipy import stats

from resnet_lab.data.augment import batches, bordered, draw, padding_of
from resnet_lab.data.load import load
from resnet_lab.data.mixup import draw_mixes, mix
from resnet_lab.spec import RunSpec
from resnet_lab.spec.fields import replace

CHANGES = {"data.name": "digits", "recipe.batch_size": 32, "recipe.augmentation": "crop", "recipe.crop_padding": 1}
PLAIN = replace(RunSpec(), CHANGES)
MIXED = replace(PLAIN, {"recipe.mixup": 0.4})


def test_partners_are_a_permutation_of_each_mini_batch_with_one_share():
    partner, share = draw_mixes(100, batch=32, alpha=0.4, seed=3, epoch=2)
    for step in range(3):
        here = slice(32 * step, 32 * step + 32)
        assert sorted(partner[here].tolist()) == list(range(32))
        assert len(set(share[here].tolist())) == 1
    assert share[96:].tolist() == [1.0] * 4
    again = draw_mixes(100, batch=32, alpha=0.4, seed=3, epoch=2)
    assert torch.equal(again[0], partner)
    assert torch.equal(again[1], share)
    assert not torch.equal(draw_mixes(100, batch=32, alpha=0.4, seed=3, epoch=3)[0], partner)


def test_shares_are_drawn_from_the_beta_distribution():
    shares = draw_mixes(8000, batch=2, alpha=0.4, seed=0, epoch=0)[1][::2].double()
    assert stats.kstest(shares.numpy(), stats.beta(0.4, 0.4).cdf).pvalue > 0.01


def test_the_loss_is_the_mean_of_the_losses_with_both_labels_in_the_same_shares():
    generator = torch.Generator().manual_seed(0)
    x, logits = (torch.randn(shape, generator=generator) for shape in ((6, 3, 4, 4), (6, 10)))
    y, partner = torch.randint(10, (6,), generator=generator), torch.randperm(6, generator=generator)
    share = torch.full((6,), 0.3)
    mixed, labels = mix(x, y, partner, share, 10)
    torch.testing.assert_close(mixed, 0.3 * x + 0.7 * x[partner])
    for smoothing in (0.0, 0.1):
        one, other = (F.cross_entropy(logits, each, label_smoothing=smoothing) for each in (y, y[partner]))
        torch.testing.assert_close(F.cross_entropy(logits, labels, label_smoothing=smoothing), 0.3 * one + 0.7 * other)


def test_a_batch_is_mixed_last_and_everything_else_drawn_as_without():
    data = load(PLAIN.data)
    padded = bordered(data, padding_of(PLAIN.recipe))
    plain, mixed = (next(batches(data, spec.recipe, seed=5, epoch=1, padded=padded)) for spec in (PLAIN, MIXED))
    drawn = draw(len(data.train), MIXED.recipe, seed=5, epoch=1)
    partner, share = drawn.partner[:32], drawn.share[0]
    torch.testing.assert_close(mixed[0], share * plain[0] + (1 - share) * plain[0][partner])
    assert mixed[0].is_contiguous(memory_format=torch.channels_last)
    expected = torch.zeros(32, 10)
    for image in range(32):
        expected[image, plain[1][image]] += share
        expected[image, plain[1][partner[image]]] += 1 - share
    torch.testing.assert_close(mixed[1], expected)
    assert draw(len(data.train), PLAIN.recipe, seed=5, epoch=1).partner is None
