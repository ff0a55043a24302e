"""Asking a question of a process that has torch loaded, while this one, which has not, goes on."""

import contextlib
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing.connection import Connection
from threading import Thread
from typing import TypeVar

Argument = TypeVar("Argument")
Answer = TypeVar("Answer")


def submit(function: Callable[[Argument], Answer], question: Argument) -> "Future[Answer]":
    """Start `function(question)` in a fork of the workers' server and return at once.

    The future raises RuntimeError where the process ends without an answer.
    """
    future: Future[Answer] = Future()

    def wait() -> None:
        try:
            future.set_result(_in_fork(function, question))
        except BaseException as error:
            future.set_exception(error)

    # The server forks only once it has loaded torch, and starting a process waits for that.
    Thread(target=wait, daemon=True).start()
    return future


def _in_fork(function: Callable[[Argument], Answer], question: Argument) -> Answer:
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    receiver, sender = context.Pipe(duplex=False)
    # A daemon: a driver that leaves early ends it and does not wait for its answer.
    process = context.Process(target=_answer, args=(sender, function, question), daemon=True)  # type: ignore[attr-defined]  # not on the base class
    process.start()
    sender.close()
    try:
        answer: Answer = receiver.recv()
    except EOFError:
        raise RuntimeError(f"the process that should run {function.__name__} ended without an answer") from None
    finally:
        receiver.close()
        process.join()
    return answer


def _answer(sender: Connection, function: Callable[[Argument], Answer], question: Argument) -> None:
    # Ctrl-C reaches the whole process group: the one who asked decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asker = multiprocessing.parent_process()
    if asker is None or not asker.is_alive():  # gone while the server was still loading
        return
    answer = function(question)
    with contextlib.suppress(BrokenPipeError):  # gone meanwhile
        sender.send(answer)
