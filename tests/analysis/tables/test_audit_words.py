"""An audit in words."""

import pytest

from analysis.tables.audit_words import alias_lines, audit_lines, cells, sentence

ARM, CONTEXT = {"model.block.act_position": "none"}, {"model.depth": 20}


def difference(what, baseline, value, depth=20):
    return {"arm": ARM, "context": {"model.depth": depth}, "what": what, "baseline": baseline, "found": value}


@pytest.mark.parametrize(
    ("what", "baseline", "value", "text", "row"),
    [
        ("depth", 110, 164, "depth 110 -> 164", ["depth", "110", "164", "+49.1 %"]),
        (
            "parameters",
            1_727_962,
            1_703_258,
            "parameters 1,727,962 -> 1,703,258 (-1.4 %)",
            ["parameters", "1,727,962", "1,703,258", "-1.4 %"],
        ),
        ("flops", 10_000, 10_002, "FLOPs 10,000 -> 10,002 (+0.02 %)", ["FLOPs", "10,000", "10,002", "+0.02 %"]),
        ("final_norm", 1, 0, "no final norm before pooling", ["final norm", "yes", "no", ""]),
        (
            "final_activation",
            0,
            1,
            "a final activation before pooling, which the baseline lacks",
            ["final activation", "no", "yes", ""],
        ),
    ],
)
def test_one_difference_as_text_and_as_cells(what, baseline, value, text, row):
    assert sentence(difference(what, baseline, value)) == text
    assert cells(difference(what, baseline, value)) == row


def test_contexts_with_the_same_text_are_joined():
    audit = {"cells": [{}], "refused": [], "merged": []}
    audit["differences"] = [difference("final_norm", 1, 0), difference("final_norm", 1, 0, depth=44)]
    lines = audit_lines(audit, arm=ARM, context=CONTEXT)
    assert lines == [
        "audit: as built, these arms differ from the baseline of their context in",
        "  act_position=none (depth 20, 44): no final norm before pooling",
    ]


def test_what_is_not_run_comes_first_and_aliases_last():
    fields = {**ARM, **CONTEXT}
    refused = [{"fields": fields, "reason": "no such network"}]
    merged = [{"fields": fields, "same_as": {**CONTEXT, "model.block.act_position": "after_add"}}]
    audit = {"cells": [{}, {}], "refused": refused, "merged": merged, "differences": []}
    lines = audit_lines(audit, arm=ARM, context=CONTEXT, aliases=["a = b x c"])
    assert lines[0] == "  act_position=none (depth 20): refused: no such network"
    merged_words = "act_position=none (depth 20): merged: builds the same network as act_position=after_add"
    assert " ".join(" ".join(lines[1:3]).split()) == merged_words
    assert lines[3].startswith("audit: 2 networks built; the arms of a context have equal parameters")
    assert lines[-2:] == ["aliases: this design cannot tell apart", "  a = b x c"]
    assert alias_lines([]) == []
