"""Pre-import of plotting packages in a thread."""

import importlib
import threading

PACKAGES = ("scipy.stats", "pandas", "seaborn", "matplotlib.backends.backend_svg", "jinja2")


def load_in_background() -> threading.Thread:
    """Start importing what a report needs; whoever imports it next waits for the rest only."""
    # No daemon: an interpreter that ends in the middle of such an import, as after Ctrl-C, may crash.
    thread = threading.Thread(target=_load, name="warm")
    thread.start()
    return thread


def _load() -> None:
    for name in PACKAGES:
        importlib.import_module(name)
