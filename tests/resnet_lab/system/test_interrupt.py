"""Ctrl-C, SIGTERM and SIGHUP at difficult moments: real signals in real processes."""

import contextlib
import signal
import subprocess
import sys

import psutil
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


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_other_signals_that_end_a_command_are_one_line_and_128_and_their_number(name, code):
    done = run(f"signal.raise_signal(signal.{name})")
    assert (done.returncode, done.stderr) == (code, "interrupted\n")


def test_a_second_signal_ends_the_process_at_once_and_its_workers():
    body = (
        "import multiprocessing\n    worker = multiprocessing.Process(target=time.sleep, args=(60,))\n"
        "    worker.start()\n    print(worker.pid, flush=True)\n"
        f"    try:\n        {PRESS}\n    finally:\n        time.sleep(0.3)\n        {PRESS}\n        time.sleep(60)"
    )
    done = run(body)
    assert (done.returncode, done.stderr) == (130, "")
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(done.stdout)).wait(timeout=30)  # it would sleep on for a minute


def test_under_nohup_a_closed_terminal_is_not_heard():
    done = run("signal.signal(signal.SIGINT, signal.default_int_handler)")  # as nohup leaves the other signals
    assert done.returncode == 0
    source = "pass\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\nwith interruptible('interrupted'):\n    "
    done = run(f"{source}signal.raise_signal(signal.SIGHUP)")
    assert (done.returncode, done.stderr) == (0, "")


def test_where_the_terminal_is_gone_the_exit_code_still_says_why():
    done = run("import os, sys\n    os.close(2)\n    signal.raise_signal(signal.SIGHUP)")
    assert done.returncode == 129


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


def test_a_signal_that_compiled_code_takes_for_ctrl_c_is_told_apart():
    """Ray's looks for signals while it waits, and raises KeyboardInterrupt whatever the handler raised."""
    done = run(
        "from resnet_lab.system.interrupt import told_apart\n"
        "    with told_apart():\n"
        "        try:\n"
        "            signal.raise_signal(signal.SIGTERM)\n"
        "        except KeyboardInterrupt:\n"
        "            raise KeyboardInterrupt from None"
    )
    assert (done.returncode, done.stderr) == (143, "interrupted\n")
