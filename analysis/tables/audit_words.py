"""An audit in words: audit.json as lines of 80 columns or of a terminal's, one difference as text or as table cells."""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from analysis.tables.labels import full_label
from resnet_lab.spec.choices import Value

Json = Mapping[str, Any]
WIDTH = 80
NAMES = {
    "parameters": "parameters",
    "flops": "FLOPs",
    "depth": "depth",
    "residual_blocks": "residual blocks",
    "final_norm": "final norm",
    "final_activation": "final activation",
}
YES_OR_NO = frozenset({"final_norm", "final_activation"})
RELATIVE = frozenset({"parameters", "flops"})


def audit_lines(
    audit: Json, *, arm: Iterable[str], context: Iterable[str], aliases: Sequence[str] = (), width: int = WIDTH
) -> list[str]:
    """Return what is not run, how arms differ from their baseline besides their names, and the aliases of the design.

    `audit` is audit.json; `arm` and `context` are the dotted names of the plan's fields.
    """
    arm, context = tuple(arm), tuple(context)
    sentences: dict[tuple[tuple[str, Value], ...], list[str]] = {}
    for difference in audit["differences"]:
        fields = {**difference["context"], **difference["arm"]}
        sentences.setdefault(tuple(fields.items()), []).append(sentence(difference))
    texts = _grouped([(dict(fields), ", ".join(parts)) for fields, parts in sentences.items()], arm, context)
    if texts:
        head = "audit: as built, these arms differ from the baseline of their context in"
    else:
        head = f"audit: {len(audit['cells'])} networks built; {equal_text(audit)}"
    left_out = left_out_lines(audit["refused"], audit["merged"], arm=arm, context=context, width=width)
    unknown = unknown_lines(audit, arm=arm, context=context, width=width)
    matched = control_lines(audit.get("controls", ()), context, width)
    wrapped = [*textwrap.wrap(head, width), *_wrapped(texts, width)]
    return [*left_out, *wrapped, *unknown, *matched, *alias_lines(aliases, width)]


def equal_text(audit: Json) -> str:
    """Return what the arms of a context have in common where no difference was found: what is known of them all."""
    unknown = {what for each in audit.get("unknown", ()) for what in each["what"]}
    *names, last = [name for what, name in NAMES.items() if what not in unknown]
    return f"the arms of a context have equal {', '.join(names)} and {last}."


def unknown_lines(audit: Json, *, arm: Iterable[str], context: Iterable[str], width: int = WIDTH) -> list[str]:
    """Return what is not known of an arm's network, and so was not compared, or nothing where all is known."""
    if not audit.get("unknown"):
        return []
    texts = [({**each["context"], **each["arm"]}, unknown_text(each)) for each in audit["unknown"]]
    return ["audit: not known, and so not compared:", *_wrapped(_grouped(texts, tuple(arm), tuple(context)), width)]


def unknown_text(unknown: Json) -> str:
    """Return `final norm, final activation (part of unknown function: Mish)`."""
    facts = ", ".join(NAMES[what] for what in unknown["what"])
    parts = f"part{'s' if len(unknown['parts']) > 1 else ''} of unknown function: {', '.join(unknown['parts'])}"
    if not unknown["parts"]:
        return facts
    return f"{facts} ({parts})" if facts else parts


def left_out_lines(
    refused: Iterable[Json],
    merged: Iterable[Json],
    *,
    arm: Iterable[str],
    context: Iterable[str],
    width: int = WIDTH,
) -> list[str]:
    """Return which cells are not run, and why: `fields` with the `reason` or with the cell they are the `same_as`."""
    arm, context = tuple(arm), tuple(context)
    texts = [
        *((cell["fields"], f"refused: {cell['reason']}") for cell in refused),
        *((cell["fields"], f"merged: builds the same network as {_asked(cell['same_as'], arm)}") for cell in merged),
    ]
    return _wrapped(_grouped(texts, arm, context, label=_asked), width)


def _asked(fields: Mapping[str, Value], arm: Iterable[str]) -> str:
    """Return the arm as it was asked for: what its network does not read is why it is left out."""
    return full_label(_part(fields, arm), unread_too=True)


def _read(fields: Mapping[str, Value], arm: Iterable[str]) -> str:
    return full_label(_part(fields, arm))


def control_lines(controls: Sequence[Json], context: Sequence[str], width: int = WIDTH) -> list[str]:
    """Return which control stands by which arm, and how near it comes, or nothing."""
    head = ["controls: the baseline at the width at which it comes nearest to an arm"] if controls else []
    return [*head, *_wrapped(control_texts(controls, context), width)]


def control_texts(controls: Sequence[Json], context: Sequence[str]) -> list[str]:
    """Return the same in a text for each arm, of any length."""
    texts = [({**each["context"], **each["arm"]}, f"{control_name(each)}, {nearness(each)}") for each in controls]
    arm = [name for name in controls[0]["arm"] if name != "model.width"] if controls else []
    return _grouped(texts, arm, context)


def control_name(control: Json) -> str:
    """Return `baseline at width 17`, or `baseline itself (width 16)` where no other width is nearer."""
    width = control["control"]["model.width"]
    return f"baseline itself (width {width})" if is_baseline(control) else f"baseline at width {width}"


def is_baseline(control: Json) -> bool:
    """Return whether no other width comes nearer to the arm than the baseline's own."""
    return bool(control["found"] == control["baseline"])


def nearness(control: Json) -> str:
    """Return `parameters 301,034 for 303,882 (-0.9 %; the baseline itself -5.2 %)`."""
    wanted, found = control["wanted"], control["found"]
    own = f"; the baseline itself {change(wanted, control['baseline'])}" if not is_baseline(control) else ""
    return f"{NAMES[control['what']]} {found:,} for {wanted:,} ({change(wanted, found)}{own})"


def alias_lines(aliases: Sequence[str], width: int = WIDTH) -> list[str]:
    """Return which effects a fractional design confounds, or nothing."""
    return ["aliases: this design cannot tell apart", *_wrapped(aliases, width)] if aliases else []


def sentence(difference: Json) -> str:
    """Return `depth 110 -> 164`, `parameters 1,727,962 -> 1,703,258 (-1.4 %)` or `no final norm before pooling`."""
    what, baseline, found = difference["what"], difference["baseline"], difference["found"]
    if what in YES_OR_NO:
        place = f"{NAMES[what]} before pooling"
        return f"a {place}, which the baseline lacks" if found else f"no {place}"
    text = f"{NAMES[what]} {baseline:,} -> {found:,}"
    return f"{text} ({change(baseline, found)})" if what in RELATIVE else text


def cells(difference: Json) -> list[str]:
    """Return the name of what differs, its value in the baseline and in the arm, and the change in per cent."""
    what, baseline, found = difference["what"], difference["baseline"], difference["found"]
    if what in YES_OR_NO:
        return [NAMES[what], *("yes" if value else "no" for value in (baseline, found)), ""]
    return [NAMES[what], f"{baseline:,}", f"{found:,}", change(baseline, found) if baseline else ""]


def change(baseline: float, found: float) -> str:
    """Return `-1.4 %`; one digit where the change is under a tenth of a per cent."""
    share = 100 * (found / baseline - 1)
    return f"{share:+.1f} %" if abs(share) >= 0.1 else f"{share:+.1g} %"


def _grouped(
    texts: Iterable[tuple[Mapping[str, Value], str]],
    arm: Sequence[str],
    context: Sequence[str],
    label: Callable[[Mapping[str, Value], Iterable[str]], str] = _read,
) -> list[str]:
    """Join the contexts in which one text holds for the same arm: `act_position=none (depth 20, 44): ...`."""
    groups: dict[tuple[str, str], list[str]] = {}
    for fields, text in texts:
        where = "/".join(map(str, _part(fields, context).values()))
        groups.setdefault((label(fields, arm), text), []).append(where)
    names = "/".join(name.rpartition(".")[2] for name in context)
    return [
        f"{name} ({names} {', '.join(places)}): {text}" if names else f"{name}: {text}"
        for (name, text), places in groups.items()
    ]


def _part(fields: Mapping[str, Value], names: Iterable[str]) -> dict[str, Value]:
    return {name: fields[name] for name in names}


def _wrapped(texts: Iterable[str], width: int) -> list[str]:
    return [
        line
        for text in texts
        for line in textwrap.wrap(
            text, width, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
    ]
