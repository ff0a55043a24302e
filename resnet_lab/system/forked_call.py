"""Calls of a function in a forked process that has torch loaded, while this one, which has not, goes on."""

import contextlib
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from multiprocessing.connection import Connection
from threading import Thread
from typing import ParamSpec, TypeVar

from resnet_lab.errors import UserError
from resnet_lab.system import child_process

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def submit(
    function: Callable[Arguments, Result], *arguments: Arguments.args, **options: Arguments.kwargs
) -> "Future[Result]":
    """Start `function(*arguments, **options)` in a fork of the workers' server and return at once.

    The future raises RuntimeError where the process ends without a result, UserError where a library cannot be loaded.
    """
    future: Future[Result] = Future()

    def wait() -> None:
        try:
            future.set_result(_in_fork(partial(function, *arguments, **options), function.__name__))
        except BaseException as error:
            future.set_exception(error)

    # The server forks only once it has loaded torch, and starting a process waits for that.
    Thread(target=wait, daemon=True).start()
    return future


def _in_fork(call: Callable[[], Result], name: str) -> Result:
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    receiver, sender = context.Pipe(duplex=False)
    # A daemon: a driver that leaves early ends it and does not wait for its result.
    process = context.Process(target=_send_result, args=(sender, call), daemon=True)  # type: ignore[attr-defined]  # not on the base class
    child_process.start(process)
    sender.close()
    try:
        result: Result | UserError = receiver.recv()
    except EOFError:
        raise RuntimeError(f"the process that should run {name} ended without an answer") from None
    finally:
        receiver.close()
        process.join()
    if isinstance(result, UserError):
        raise result
    return result


def _send_result(sender: Connection, call: Callable[[], object]) -> None:
    # What a terminal sends reaches the whole process group: the calling process decides.
    for each in (signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    caller = multiprocessing.parent_process()
    if caller is None or not caller.is_alive():  # gone while the server was still loading
        return
    try:
        result = call()
    except (ImportError, MemoryError) as error:
        result = UserError(f"{error or 'out of memory'}: is the memory limited (`ulimit -v`) to less than torch needs?")
    with contextlib.suppress(BrokenPipeError):  # gone meanwhile
        sender.send(result)
