"""Ctrl-C at difficult moments: real signals in real processes."""

import signal
import subprocess
import sys

import pytest

from resnet_lab.system.interrupt import interruptible

PRESS = "signal.raise_signal(signal.SIGINT)"
DIFFICULT = {
    "plain": PRESS,
    "while a dataclass is made": f"exec({PRESS!r})",
    "twice": f"try:\n        {PRESS}\n    finally:\n        {PRESS}",
    "while it is handled": f"try:\n        {PRESS}\n    except KeyboardInterrupt:\n        {PRESS}\n        raise",
    "in a finalizer": "Doomed()\n    time.sleep(20)",
    "at the very end": f"atexit.register(lambda: {PRESS})\n    {PRESS}",
    "deferred": f"with deferred():\n        {PRESS}\n        print('deferred', flush=True)\n    time.sleep(20)",
}


def run(body):
    """Run `body` as the block of an interruptible command, as `python -m` does."""
    source = (
        "import atexit, signal, time\n"
        "from resnet_lab.system.interrupt import deferred, interruptible\n"
        f"class Doomed:\n    def __del__(self):\n        {PRESS}\n"
        f"with interruptible('interrupted'):\n    {body}\n"
    )
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("when", DIFFICULT)
def test_ctrl_c_is_one_line_and_130(when):
    done = run(DIFFICULT[when])
    assert (done.returncode, done.stderr) == (130, "interrupted\n")
    assert done.stdout == ("deferred\n" if when == "deferred" else "")


def test_ctrl_c_after_the_command_has_ended_changes_nothing():
    done = run(f"atexit.register(lambda: {PRESS})\n    raise SystemExit(1)")
    assert (done.returncode, done.stderr) == (1, "")


def test_a_command_in_the_background_of_a_shell_stays_deaf():
    done = run(f"pass\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwith interruptible('interrupted'):\n    {PRESS}")
    assert (done.returncode, done.stderr) == (0, "")


def test_errors_pass_and_the_handler_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="its own"), interruptible("interrupted"):
        raise ValueError("its own")
    assert signal.getsignal(signal.SIGINT) is before
