"""Unravelled view of residual blocks: the 2^n paths by their codes, as a list and as a figure (Veit et al. 2016).

A path's code has a digit for each block, the first block's first: 1 where the path takes the residual branch, 0 where
it takes the skip (section 3, with the binary code b of the paths). Its length is the sum of its digits.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_lab.errors import UserError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 6
"""Blocks that can be shown: 64 paths."""


def path_codes(blocks: int) -> list[str]:
    """Return the codes of all 2^n paths through n blocks, in numerical order: `000`, `001`, ... for n = 3.

    Raises UserError for fewer than one block, or for more than a list or a figure can show.
    """
    if not 1 <= blocks <= MOST:
        raise UserError(f"{blocks} blocks have {2 ** max(blocks, 0)} paths: 1 to {MOST} blocks can be shown one by one")
    return ["".join(digits) for digits in itertools.product("01", repeat=blocks)]


def avoid(codes: Sequence[str], deleted: Sequence[int]) -> list[str]:
    """Return the paths that are left when blocks, counted from 0, are deleted: those that skip each of them.

    Deleting one block of n leaves 2^(n-1), one half (section 4.1).
    """
    return [code for code in codes if all(code[block] == "0" for block in deleted)]


def plot_unravelled(blocks: int, out: Path, *, deleted: Sequence[int] = ()) -> list[Path]:
    """Draw every path as a row, its branches as squares and its skips as lines; write and return out.png, .svg, .csv.

    Paths through a deleted block are drawn pale. Raises UserError as `path_codes` does.
    """
    import pandas as pd
    from matplotlib.figure import Figure

    from analysis.figures.style import figure_style, save

    codes = sorted(path_codes(blocks), key=lambda code: (code.count("1"), code))
    left = set(avoid(codes, deleted))
    rows = [{"code": code, "length": code.count("1"), "left": code in left} for code in codes]
    with figure_style():
        figure = Figure(figsize=(1.6 + 0.75 * blocks, 1.0 + 0.22 * len(codes)), layout="constrained")
        axes = figure.subplots()
        for row, code in enumerate(codes):
            _draw_path(axes, code, row, pale=code not in left)
        _label(axes, codes, blocks)
        gone = f", {len(left)} left without block {', '.join(str(block + 1) for block in deleted)}" if deleted else ""
        axes.set_title(f"{len(codes)} paths through {blocks} blocks{gone}", loc="left", fontsize=9)
        return save(figure, out, frame=pd.DataFrame(rows))


def _draw_path(axes: "Axes", code: str, row: int, *, pale: bool) -> None:
    from analysis.figures.style import palette

    colour, alpha = palette()[0], 0.2 if pale else 1.0
    axes.plot([-0.5, len(code) - 0.5], [row, row], color="0.4", lw=0.8, alpha=alpha, zorder=1)
    taken = [block for block, digit in enumerate(code) if digit == "1"]
    axes.scatter(taken, [row] * len(taken), s=70, marker="s", color=colour, alpha=alpha, zorder=2, linewidths=0)


def _label(axes: "Axes", codes: Sequence[str], blocks: int) -> None:
    axes.set_xticks(range(blocks), [f"block {block + 1}" for block in range(blocks)], fontsize=7)
    axes.set_yticks(range(len(codes)), codes, fontsize=7, family="monospace")
    axes.set_xlim(-0.5, blocks - 0.5)
    axes.set_ylim(len(codes) - 0.5, -0.5)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
