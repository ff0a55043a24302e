"""Hidden packages: folders of a user's that stand in the way of ours, and a word that says which."""

import sys
from importlib.util import find_spec
from pathlib import Path


def require_own_packages() -> None:
    """Say which folder hides a package of ours, as `analysis/` of one's own does where a command is run beside it."""
    home = Path(__file__).parents[2]
    for name in ("ablations", "resnet_lab", "analysis"):
        found = find_spec(name)
        if found is not None and found.origin and Path(found.origin).parents[1] != home:
            text = f"{Path(found.origin).parent} hides the package {name} of resnet-lab: rename it, or run elsewhere"
            if sys.argv[:1] == ["-m"]:
                print(f"error: {text}", file=sys.stderr)
                raise SystemExit(2)
            raise ImportError(text)
