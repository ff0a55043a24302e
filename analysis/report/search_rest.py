"""The last sections of an open search's report: what was stopped or failed, what it cost, and how to go on."""

from collections import Counter
from collections.abc import Iterator

from analysis.report.closing import BACKWARD, duration, images_seen, large, last_launch
from analysis.report.document import Block, Code, Items, Table, Text
from analysis.report.facts import Json
from analysis.report.search_facts import SearchFacts
from analysis.report.search_page import shown

LISTED = 60
"""So many trials without a result are spelt out."""
MEANING = {
    "complete": "trained to the end",
    "pruned": "stopped early: worse than the others at the same epoch",
    "refused": "the combination means nothing, and was not run",
    "diverged": "the loss was no number any more",
}


def unfinished(facts: SearchFacts) -> Iterator[Block]:
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


def _unfinished(facts: SearchFacts, row: Json) -> list[str]:
    error = row["val/error"]
    ends = [str(row["epochs"] or 0), "n/a" if error is None else f"{error:.2f}"]
    return [str(row["number"]), *shown(facts, row).values(), str(row["state"]), str(row["trial"] or "none"), *ends]


def costs(facts: SearchFacts) -> Iterator[Block]:
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
            ("Training, all trials", duration(sum(float(epoch.get("time/epoch_s") or 0) for epoch in epochs))),
            (
                "Training FLOPs",
                f"about {large(work)} ({BACKWARD} forward passes for each image seen)" if work else "n/a",
            ),
            *last_launch(facts),
        ]
    )


def confirm(facts: SearchFacts) -> Iterator[Block]:
    """Yield the command that runs the winner with fresh seeds."""
    if facts.content.get("confirm"):
        yield Text("The winner with fresh seeds, which the search has not seen:")
        yield Code(str(facts.content["confirm"]))
