"""Sections of an open search's report. No test error is shown: nothing may be picked by it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from analysis.report.document import Block, Code, Items, Table, Text
from analysis.report.search.data import SearchData
from analysis.report.sections.costs import BACKWARD, images_seen, large, last_launch, seconds_or_hours
from analysis.report.traces import Json
from analysis.tables.labels import short_names
from analysis.tables.search_words import state_counts
from resnet_lab.metrics import VAL_ERROR
from resnet_lab.outcomes import Reason, Status

MAX_BEST = 10
"""Best trials listed at most."""


def summary(data: SearchData) -> Iterator[Block]:
    """Yield what was found, and that it is no comparison."""
    how = f"Open search by {data.content['algorithm']}, pruner {data.content['pruner']}"
    yield Text(f"{how}: {state_counts(data.trials)}. {_best(data)}")
    yield Text(
        "This is a search and no comparison of arms: values were drawn where results were good and trials stopped where"
        " they were not, so that the values of a switch had unequal numbers and budgets. No interval and no test can be"
        " given, and the least of many errors, each of one seed, is biased low. To know the winner's error, run it with"
        " fresh seeds (see How to reproduce); to compare switches, run the study without --search."
    )


def _best(data: SearchData) -> str:
    if not data.ranked:
        return "No trial is complete, so nothing was found."
    best = data.ranked[0]
    values = ", ".join(f"{name}={value}" for name, value in values_text(data, best).items())
    start = next((row for row in data.ranked if data.values(row) == data.content.get("start")), None)
    against = f"; the recipe as it is, trial {start['number']}, had {start[VAL_ERROR]:.2f} %" if start else ""
    return f"Least validation error: {best[VAL_ERROR]:.2f} %, trial {best['number']} ({values}){against}."


def values_text(data: SearchData, row: Json) -> dict[str, str]:
    """Return a trial's values as text, by short name."""
    short = short_names(axis.field for axis in data.space)
    return {short[name]: _text(value) for name, value in data.values(row).items()}


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def asked(data: SearchData) -> Iterator[Block]:
    """Yield the question, the space, the fixed fields, and the settings of the search."""
    content, space = data.content, data.space
    yield Items(
        [
            ("Question", str(content["question"])),
            ("Study, scale, data", f"{content['study']}, {content['scale']}, {content['dataset']}"),
            ("Searched", "\n".join(f"{axis.field}: {axis.text()}" for axis in space)),
            *([("Fixed", "\n".join(f"{n}={v}" for n, v in content["fixed"].items()))] if content.get("fixed") else []),
            (
                "Value",
                f"validation error after {content['epochs']} epochs, one seed ({content['seed']}) for all trials",
            ),
            ("Algorithm, pruner", f"{content['algorithm']}, {content['pruner']}"),
            ("Budget", f"{content['budget']} trials, pruned and failed ones included"),
        ]
    )


def best_trials(data: SearchData) -> Iterator[Block]:
    """Yield the best complete trials, with the size of their networks."""
    count = min(len(data.ranked), MAX_BEST)
    if not count:
        yield Text("No trial is complete.")
        return
    headers, rows = best_table(data)
    yield Table(
        caption=f"The best {count} of {len(data.ranked)} complete runs, by validation error in per cent.",
        headers=headers,
        rows=rows,
        left=len(data.space) + 1,
        strong=frozenset({0}),
    )
    yield Text(
        "trial: its number in the order of proposal. Test errors are kept out: nothing may be picked by them.", True
    )


def best_table(data: SearchData) -> tuple[list[str], list[list[str]]]:
    """Return headers and cells of the best trials."""
    rows = [
        [
            str(row["number"]),
            *values_text(data, row).values(),
            f"{row[VAL_ERROR]:.2f}",
            *(f"{row[name]:,}" if row.get(name) else "n/a" for name in ("parameters", "flops")),
        ]
        for row in data.ranked[:MAX_BEST]
    ]
    return [
        "trial",
        *short_names(axis.field for axis in data.space).values(),
        "val error",
        "parameters",
        "FLOPs/image",
    ], rows


def importance(data: SearchData) -> Iterator[Block]:
    """Yield each field's share of the variance, or why there is none."""
    shares = data.content["importance"]
    if not shares:
        yield Text("Too few complete trials, one field, or no spread: nothing can be said of what mattered.")
        return
    yield Table(
        caption="Importance (fANOVA, Hutter et al. 2014): share of the variance that a field explains by itself.",
        headers=["field", "share"],
        rows=[[name, f"{share:.2f}"] for name, share in sorted(shares.items(), key=lambda item: -item[1])],
        left=1,
    )
    complete = sum(row["state"] == Status.COMPLETE for row in data.trials)
    yield Text(
        f"Of a forest of trees on the {complete} complete trials, shares scaled to a sum of 1. It shows where the"
        " search found differences, within its ranges and where it looked; pruned trials are not in it.",
        note=True,
    )


MAX_UNFINISHED = 60
"""Trials without a result listed at most."""


MEANING = {
    Status.COMPLETE: "trained to the end",
    Reason.PRUNED: "stopped early: worse than the others at the same epoch",
    Reason.REFUSED: "the combination is invalid, and was not run",
    Reason.DIVERGED: "the loss was not finite",
}


def unfinished(data: SearchData) -> Iterator[Block]:
    """Yield how many trials ended how, and every one without a final error."""
    counts = Counter(row["state"] for row in data.trials)
    yield Table(
        caption="How the trials ended.",
        headers=["state", "meaning", "trials"],
        rows=[[state, MEANING.get(state, "failed"), str(count)] for state, count in counts.most_common()],
        left=2,
    )
    rows = data.unfinished
    if not rows:
        yield Text("None was pruned, refused or failed.")
        return
    yield Table(
        caption="Trials without a final error; a pruned one's is that of its last epoch.",
        headers=["trial", *values_text(data, rows[0]), "state", "folder", "epochs", "val error"],
        rows=[_unfinished(data, row) for row in rows[:MAX_UNFINISHED]],
        left=len(data.space) + 3,
    )
    if len(rows) > MAX_UNFINISHED:
        yield Text(f"And {len(rows) - MAX_UNFINISHED} more: see trials.csv.", note=True)


def _unfinished(data: SearchData, row: Json) -> list[str]:
    error = row[VAL_ERROR]
    ends = [str(row["epochs"] or 0), "n/a" if error is None else f"{error:.2f}"]
    return [str(row["number"]), *values_text(data, row).values(), str(row["state"]), str(row["trial"] or "none"), *ends]


def costs(data: SearchData) -> Iterator[Block]:
    """Yield epochs, time and FLOPs of all trials, pruned ones included."""
    flops = {str(row["trial"]): row.get("flops") or 0 for row in data.trials if row["trial"]}
    epochs = [epoch for name in flops for epoch in data.histories[name]]
    whole = data.content["epochs"] * len(flops)
    last = {name: records[-1] for name, records in data.histories.items() if records}
    work = sum(BACKWARD * flops[name] * images_seen(data, name, end["iteration"]) for name, end in last.items())
    yield Items(
        [
            ("Runs", f"{len(flops)}, for {sum(row['state'] != 'refused' for row in data.trials)} trials"),
            (
                "Epochs",
                f"{len(epochs)} of {whole}: {max(whole - len(epochs), 0)} were not run, by pruning and failures",
            ),
            ("Training, all trials", seconds_or_hours(sum(float(epoch.get("time/epoch_s") or 0) for epoch in epochs))),
            (
                "Training FLOPs",
                f"about {large(work)} ({BACKWARD} forward passes for each image seen)" if work else "n/a",
            ),
            *last_launch(data),
        ]
    )


def confirm(data: SearchData) -> Iterator[Block]:
    """Yield the command that runs the winner with fresh seeds."""
    if data.content.get("confirm"):
        yield Text("The winner with fresh seeds, which the search has not seen:")
        yield Code(str(data.content["confirm"]))
