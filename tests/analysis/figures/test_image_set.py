"""Figure of an image set: every image under its label, a bar for each class and part."""

import numpy as np
import pytest

from analysis.figures.image_set import MOST_NAMED, _figure


@pytest.mark.parametrize("channels", [1, 3])
def test_images_and_counts_are_drawn(channels: int) -> None:
    pixels = np.arange(9 * 4 * 4 * channels, dtype=np.uint8).reshape(9, 4, 4, channels)
    figure = _figure(pixels, [f"class {i}" for i in range(9)], [("a", (3, 1)), ("b", (2, 2))], ("train", "test"), "set")
    images = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in images] == [f"class {i}" for i in range(9)]
    bars = figure.axes[-1]
    assert [bar.get_width() for bar in bars.patches] == [3, 2, 1, 2]
    assert [text.get_text() for text in bars.get_yticklabels()] == ["a", "b"]


def test_a_long_label_is_shortened_and_many_classes_go_unnamed() -> None:
    counts = [(str(label), (1,)) for label in range(MOST_NAMED + 1)]
    figure = _figure(np.zeros((1, 2, 2, 1), dtype=np.uint8), ["a very long class name"], counts, ("train",), "set")
    assert figure.axes[0].get_title() == "a very long cla…"
    assert figure.axes[-1].get_ylabel() == "class"
