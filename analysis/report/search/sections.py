"""What an open search was asked and found. No test error is shown: nothing may be picked by it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from analysis.report.document import Block, Code, Items, Table, Text
from analysis.report.search.data import SearchData
from analysis.report.sections.costs import BACKWARD, images_seen, large, last_launch, seconds_or_hours
from analysis.report.traces import Json
from analysis.tables.labels import short_names
from analysis.tables.search_words import state_counts
from resnet_lab.outcomes import Reason, Status

SHOWN = 10
"""So many of the best trials are spelt out."""


def summary(facts: SearchData) -> Iterator[Block]:
    """Yield what was found, and that it is no comparison."""
    how = f"Open search by {facts.content['algorithm']}, pruner {facts.content['pruner']}"
    yield Text(f"{how}: {state_counts(facts.trials)}. {_best(facts)}")
    yield Text(
        "This is a search and no comparison of arms: values were drawn where results were good and trials stopped where"
        " they were not, so that the values of a switch had unequal numbers and budgets. No interval and no test can be"
        " given, and the least of many errors, each of one seed, is flattered. To know the winner's error, run it with"
        " fresh seeds (see How to reproduce); to compare switches, run the study without --search."
    )


def _best(facts: SearchData) -> str:
    if not facts.ranked:
        return "No trial is complete, so nothing was found."
    best = facts.ranked[0]
    values = ", ".join(f"{name}={value}" for name, value in shown(facts, best).items())
    start = next((row for row in facts.ranked if facts.values(row) == facts.content.get("start")), None)
    against = f"; the recipe as it is, trial {start['number']}, had {start['val/error']:.2f} %" if start else ""
    return f"Least validation error: {best['val/error']:.2f} %, trial {best['number']} ({values}){against}."


def shown(facts: SearchData, row: Json) -> dict[str, str]:
    """Return a trial's values as text, by short name."""
    short = short_names(axis.field for axis in facts.space)
    return {short[name]: _text(value) for name, value in facts.values(row).items()}


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def asked(facts: SearchData) -> Iterator[Block]:
    """Yield the question, the space, what was fixed, and how it was searched."""
    content, space = facts.content, facts.space
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


def best_trials(facts: SearchData) -> Iterator[Block]:
    """Yield the best complete trials, with the size of their networks."""
    count = min(len(facts.ranked), SHOWN)
    if not count:
        yield Text("No trial is complete.")
        return
    headers, rows = best_table(facts)
    yield Table(
        caption=f"The best {count} of {len(facts.ranked)} complete runs, by validation error in per cent.",
        headers=headers,
        rows=rows,
        left=len(facts.space) + 1,
        strong=frozenset({0}),
    )
    yield Text(
        "trial: its number in the order of proposal. Test errors are kept out: nothing may be picked by them.", True
    )


def best_table(facts: SearchData) -> tuple[list[str], list[list[str]]]:
    """Return headers and cells of the best trials."""
    rows = [
        [
            str(row["number"]),
            *shown(facts, row).values(),
            f"{row['val/error']:.2f}",
            *(f"{row[name]:,}" if row.get(name) else "n/a" for name in ("parameters", "flops")),
        ]
        for row in facts.ranked[:SHOWN]
    ]
    return [
        "trial",
        *short_names(axis.field for axis in facts.space).values(),
        "val error",
        "parameters",
        "FLOPs/image",
    ], rows


def importance(facts: SearchData) -> Iterator[Block]:
    """Yield each field's share of the variance, or why there is none."""
    shares = facts.content["importance"]
    if not shares:
        yield Text("Too few complete trials, one field, or no spread: nothing can be said of what mattered.")
        return
    yield Table(
        caption="Importance (fANOVA, Hutter et al. 2014): share of the variance that a field explains by itself.",
        headers=["field", "share"],
        rows=[[name, f"{share:.2f}"] for name, share in sorted(shares.items(), key=lambda item: -item[1])],
        left=1,
    )
    complete = sum(row["state"] == Status.COMPLETE for row in facts.trials)
    yield Text(
        f"Of a forest of trees on the {complete} complete trials, shares scaled to a sum of 1. It tells where the"
        " search found differences, within its ranges and where it looked; pruned trials are not in it.",
        note=True,
    )


LISTED = 60
"""So many trials without a result are spelt out."""


MEANING = {
    Status.COMPLETE: "trained to the end",
    Reason.PRUNED: "stopped early: worse than the others at the same epoch",
    Reason.REFUSED: "the combination is invalid, and was not run",
    Reason.DIVERGED: "the loss was not finite",
}


def unfinished(facts: SearchData) -> Iterator[Block]:
    """Yield how many trials ended how, and every one without a final error."""
    found = Counter(row["state"] for row in facts.trials)
    yield Table(
        caption="How the trials ended.",
        headers=["state", "meaning", "trials"],
        rows=[[state, MEANING.get(state, "failed"), str(count)] for state, count in found.most_common()],
        left=2,
    )
    rows = facts.unfinished
    if not rows:
        yield Text("None was pruned, refused or failed.")
        return
    yield Table(
        caption="Trials without a final error; a pruned one's is that of its last epoch.",
        headers=["trial", *shown(facts, rows[0]), "state", "folder", "epochs", "val error"],
        rows=[_unfinished(facts, row) for row in rows[:LISTED]],
        left=len(facts.space) + 3,
    )
    if len(rows) > LISTED:
        yield Text(f"And {len(rows) - LISTED} more: see trials.csv.", note=True)


def _unfinished(facts: SearchData, row: Json) -> list[str]:
    error = row["val/error"]
    ends = [str(row["epochs"] or 0), "n/a" if error is None else f"{error:.2f}"]
    return [str(row["number"]), *shown(facts, row).values(), str(row["state"]), str(row["trial"] or "none"), *ends]


def costs(facts: SearchData) -> Iterator[Block]:
    """Yield epochs, time and FLOPs of all trials, pruned ones included."""
    flops = {str(row["trial"]): row.get("flops") or 0 for row in facts.trials if row["trial"]}
    epochs = [epoch for name in flops for epoch in facts.histories[name]]
    whole = facts.content["epochs"] * len(flops)
    last = {name: records[-1] for name, records in facts.histories.items() if records}
    work = sum(BACKWARD * flops[name] * images_seen(facts, name, end["iteration"]) for name, end in last.items())
    yield Items(
        [
            ("Runs", f"{len(flops)}, for {sum(row['state'] != 'refused' for row in facts.trials)} trials"),
            (
                "Epochs",
                f"{len(epochs)} of {whole}: {max(whole - len(epochs), 0)} were not run, by pruning and failures",
            ),
            ("Training, all trials", seconds_or_hours(sum(float(epoch.get("time/epoch_s") or 0) for epoch in epochs))),
            (
                "Training FLOPs",
                f"about {large(work)} ({BACKWARD} forward passes for each image seen)" if work else "n/a",
            ),
            *last_launch(facts),
        ]
    )


def confirm(facts: SearchData) -> Iterator[Block]:
    """Yield the command that runs the winner with fresh seeds."""
    if facts.content.get("confirm"):
        yield Text("The winner with fresh seeds, which the search has not seen:")
        yield Code(str(facts.content["confirm"]))
