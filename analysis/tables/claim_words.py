"""Claims and their answers in words and as JSON."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.comparison.claims import ALPHA, SHOWN, Answer, Answered, as_dict
from analysis.results.claim import Claim, ClaimKind
from analysis.tables.cells import estimate, p_text
from analysis.tables.labels import full_label
from resnet_lab.spec.choices import Value

WIDTH = 80
INDENT = " " * 15


def statement(claim: Claim) -> str:
    """Return `depth=44: norm_position=after_add is worse than norm_position=before_add by more than 1 point`.

    Fields in which both cells agree stand before the colon; the baseline is named by those in which they differ.
    """
    own, other = ({n: v for n, v in fields.items() if both.get(n) != v} for fields, both in _with_other(claim))
    common = full_label({name: value for name, value in claim.arm.items() if name not in own})
    place = f"{common}: " if common else ""
    arm, baseline = full_label(own) or "the baseline", full_label(other) or "the baseline"
    points = f"{claim.margin:g} point{'' if claim.margin == 1 else 's'}"
    if claim.kind == ClaimKind.EQUIVALENT:
        return f"{place}{arm} is equivalent to {baseline} within {points}"
    return f"{place}{arm} is worse than {baseline}" + (f" by more than {points}" if claim.margin else "")


def _with_other(claim: Claim) -> list[tuple[Mapping[str, Value], Mapping[str, Value]]]:
    return [(claim.arm, claim.baseline), (claim.baseline, claim.arm)]


def evidence(answered: Answered) -> str:
    """Return `+53.33 [45.81, 60.86], 3 pairs, p 0.002`: what the answer rests on."""
    limits = answered.interval
    difference = estimate("+.2f", limits.mean, limits.low, limits.high)
    count = f"{answered.n} {'pair' if answered.is_paired else 'seed'}{'' if answered.n == 1 else 's'}"
    p = p_text(answered.p_refuted if answered.answer == Answer.REFUTED else answered.p_held)
    numbers = (
        answered.remark if difference == "n/a" else f"{difference}{f' ({answered.remark})' if answered.remark else ''}"
    )
    return f"{numbers}, {count}" + ("" if p == "n/a" else f", p {p}")


def takes(answered: Answered) -> str:
    """Return how many seeds an answer takes, of an underpowered claim."""
    if answered.answer != Answer.UNDERPOWERED:
        return ""
    if answered.seeds is None:
        return "no number of seeds can be named"
    if "diverged" in answered.remark:
        return f"{answered.seeds} seeds or more"
    return f"{answered.seeds:,} seeds"


def text(answered: Sequence[Answered], left_out: Sequence[Claim] = ()) -> str:
    """Return each answer with its evidence, then the claims that the launch has no cells for, in at most 80 columns."""
    counts = ", ".join(f"{sum(each.answer == a for each in answered)} {a.value}" for a in Answer)
    lines = textwrap.wrap(f"Claims: {counts}. {rule(len(answered))}", WIDTH)
    for each in answered:
        needed = f"; an answer takes {takes(each)}" if takes(each) else ""
        lines += _wrapped(f"{each.answer.value:<13}{statement(each.claim)}: {evidence(each)}{needed}")
    for claim in left_out:
        lines += _wrapped(f"{'not asked':<13}{statement(claim)}: this launch lacks a cell of it")
    return "\n".join(lines)


def rule(claims: int) -> str:
    """Return how claims are tested."""
    family = f", Holm-corrected over {claims} claims" if claims > 1 else ""
    return (
        f"Each is tested both ways, one-sided at {100 * ALPHA:.0f} %{family}; difference in points of test error "
        f"[{100 * SHOWN:.0f} % interval, uncorrected]."
    )


def content(answered: Sequence[Answered]) -> list[dict[str, Any]]:
    """Return the answers as JSON takes them."""
    return [{"claim": statement(each.claim), **as_dict(each)} for each in answered]


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent=INDENT, break_on_hyphens=False)
