"""Deletion of every block in turn: shared prefixes evaluated once against n + 1 full passes, in turns, equal results.

python benchmarks/single_deletion.py                             ResNet-56 on 250 images of noise
python benchmarks/single_deletion.py --checkpoint PATH           a trained network's own blocks
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import arg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs by its path as well as with -m

from resnet_lab.errors import UserError
from resnet_lab.system.command import parse, reporting

if TYPE_CHECKING:
    from torch import Tensor, nn

DESCRIPTION = "Deletion of every block in turn: shared prefixes evaluated once against n + 1 full passes."


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of the benchmark. Raises UserError for a number out of range."""

    checkpoint: Annotated[Path | None, arg(metavar="PATH", help_behavior_hint="")] = None
    """A checkpoint. Default: a network of --depth with random weights, which takes the same time."""
    depth: Annotated[int, arg(metavar="INT")] = 56
    """Weighted layers of the network without --checkpoint."""
    images: Annotated[int, arg(metavar="INT")] = 250
    """Images of noise, in batches of 250."""
    rounds: Annotated[int, arg(metavar="INT")] = 3
    """Turns of each side; the median ratio is reported."""
    json: Annotated[bool, arg(help_behavior_hint="")] = False
    """Print one JSON object on stdout, and nothing else there."""

    def __post_init__(self) -> None:
        for name in ("images", "rounds"):
            if getattr(self, name) < 1:
                raise UserError(f"--{name} {getattr(self, name)}: it must be 1 or more")


def measure(options: Options) -> dict[str, Any]:
    """Time both sides in turns; compare every logit. Raises UserError."""
    import torch

    from analysis.inputs.chain import decompose
    from analysis.lesions.choices import Lesion, Mode
    from analysis.lesions.experiments import BlockSet, Lesions, single
    from analysis.lesions.modes import LesionInputs, lesioned_blocks

    model = _network(options)
    blocks = BlockSet.of(decompose(model))
    modules = lesioned_blocks(blocks.chain, Lesion(Mode.DELETE), LesionInputs(model=model))
    networks = [blocks.chain.items, *(c.network for c in single(blocks, Lesions(mode="delete", modules=modules)))]
    x = torch.randn(options.images, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=torch.channels_last)
    batches = [(part, torch.zeros(len(part), dtype=torch.int64)) for part in torch.split(x, 250)]
    _seconds(networks[:1], batches, reuse=True)  # fills caches and memory pools
    turns = [
        (_seconds(networks, batches, reuse=False), _seconds(networks, batches, reuse=True))
        for _ in range(options.rounds)
    ]
    full, reused = (median(seconds for seconds, _ in side) for side in zip(*turns, strict=True))
    ratios = [a[0] / b[0] for a, b in turns]
    return {
        "blocks": len(blocks.chain),
        "networks": len(networks),
        "images": options.images,
        "full_s": round(full, 2),
        "reuse_s": round(reused, 2),
        "ratio": round(median(ratios), 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
        "equal_bit_for_bit": all(torch.equal(p, q) for a, b in turns for p, q in zip(a[1], b[1], strict=True)),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _network(options: Options) -> "nn.Module":
    import torch

    from resnet_lab.engine.initialise import initialise
    from resnet_lab.interchange.importing import import_checkpoint
    from resnet_lab.networks import build_network
    from resnet_lab.spec import RunSpec
    from resnet_lab.spec.fields import replace

    if options.checkpoint is not None:
        model = import_checkpoint(options.checkpoint).model
    else:
        model = build_network(replace(RunSpec(), {"model.depth": options.depth}).model)
        initialise(model, 0)
    return model.eval().to(memory_format=torch.channels_last)


def _seconds(
    networks: "Sequence[tuple[nn.Module, ...]]", batches: "Sequence[tuple[Tensor, Tensor]]", *, reuse: bool
) -> "tuple[float, list[Tensor]]":
    """Return the seconds of one evaluation, and the logits of every network and batch in a fixed order."""
    from analysis.lesions.shared_prefix import logits_of

    start = time.perf_counter()
    logits_by_key = {
        (index, number): logits
        for number, (x, _) in enumerate(batches)
        for index, logits in logits_of(networks, x, reuse=reuse)
    }
    seconds = time.perf_counter() - start
    return seconds, [logits_by_key[key] for key in sorted(logits_by_key)]


def main() -> None:
    with reporting():
        options = parse(Options, prog="python benchmarks/single_deletion.py", description=DESCRIPTION)
        result = measure(options)
        if options.json:
            print(json.dumps(result, indent=2))
            return
        same = "the same bit for bit" if result["equal_bit_for_bit"] else "NOT THE SAME"
        print(f"{result['networks']} networks of {result['blocks']} blocks, {result['images']} images")
        print(f"full passes {result['full_s']:.1f} s, with reuse {result['reuse_s']:.1f} s; logits are {same}")
        print(f"ratio {result['ratio']:.2f} (median; {result['ratio_min']:.2f} to {result['ratio_max']:.2f})")


if __name__ == "__main__":
    main()
