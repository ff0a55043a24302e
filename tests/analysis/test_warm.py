"""Pre-import in a thread."""

import sys

from analysis.warm import PACKAGES, load_in_background


def test_everything_named_is_loaded_when_the_thread_ends():
    load_in_background().join(timeout=60)
    assert set(PACKAGES) <= sys.modules.keys()
