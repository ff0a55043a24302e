"""Fetch of a published file from a list of mirrors: resumed where it was cut off, speed shown, digest checked."""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from resnet_lab.data.files import KnownFile

CHUNK = 2**18
MB = 10**6
REACHED = 416
"""HTTP's answer to a range that begins where the file ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a mirror is given up."""

    timeout_s: float = 30.0
    """Without a single byte."""
    slow: float = 200_000.0
    """Bytes a second below which another mirror is tried, as long as there is one that was not."""
    trial_s: float = 20.0
    """How long the speed is measured before."""
    cuts: int = 5
    """How often a mirror may end early before another is tried; each time it goes on where it ended."""


class _TooSlowError(OSError):
    """A mirror that works, and would take too long."""


def fetch(file: KnownFile, urls: Sequence[str], folder: Path, *, limits: Limits | None = None) -> Path:
    """Return the file in the folder, fetched from the first mirror that gives it; intact, it is not fetched again.

    Mirrors that are slow are tried last. What was fetched of it stays, and the next call goes on from there. Raises
    OSError that names each mirror with the reason.
    """
    path = folder / file.name
    if path.is_file() and _digest(path, file.algorithm) == file.digest:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    limits, failed = limits or Limits(), dict[str, str]()
    slow: list[str] = []
    for index, url in enumerate(urls):
        is_last = index + 1 == len(urls) and not slow
        try:
            return _fetch_from(url, file, path, limits, must_be_fast=not is_last)
        except _TooSlowError as error:
            slow.append(url)
            failed[url] = str(error)
        except (OSError, HTTPException, ValueError) as error:
            failed[url] = _words(error)
    for url in slow:
        try:
            return _fetch_from(url, file, path, limits, must_be_fast=False)
        except (OSError, HTTPException, ValueError) as error:
            failed[url] = _words(error)
    raise OSError("; ".join(f"{urlsplit(url).netloc}: {reason}" for url, reason in failed.items()))


def fetch_unknown(url: str, folder: Path, *, limits: Limits | None = None) -> Path:
    """Return a file whose digest nobody published, fetched anew; who reads it checks it. Raises OSError."""
    path, limits = folder / Path(urlsplit(url).path).name, limits or Limits()
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    for cut in range(limits.cuts + 1):
        before = _size(part)
        try:
            _append(url, part, limits, must_be_fast=False)
            break
        except (OSError, HTTPException) as error:
            if cut == limits.cuts or _size(part) == before:
                raise OSError(f"{urlsplit(url).netloc}: {_words(error)}") from None
    os.replace(part, path)
    return path


def _fetch_from(url: str, file: KnownFile, path: Path, limits: Limits, *, must_be_fast: bool) -> Path:
    """Fetch a file from one mirror, in as many pieces as it takes."""
    part = path.with_name(f"{path.name}.part")
    for cut in range(limits.cuts + 1):
        before = _size(part)
        try:
            _append(url, part, limits, must_be_fast=must_be_fast)
        except _TooSlowError:
            raise
        except (OSError, HTTPException) as error:
            if getattr(error, "code", None) == REACHED and before:
                part.unlink()  # it has all the bytes there are, and they are not the file's
                continue
            if cut == limits.cuts or _size(part) == before:
                raise
            continue
        if _digest(part, file.algorithm) == file.digest:
            os.replace(part, path)
            return path
        part.unlink()
        if not before:
            raise OSError(f"gave another file, its {file.algorithm.upper()} is not the published one")
        # The piece it was added to may have been another mirror's, and wrong: once more, from the beginning.
    raise OSError(f"ended early {limits.cuts + 1} times")


def _append(url: str, part: Path, limits: Limits, *, must_be_fast: bool) -> None:
    """Append to what there is of a file what a mirror has of the rest."""
    have = _size(part)
    headers = {"User-Agent": "resnet-lab"} | ({"Range": f"bytes={have}-"} if have else {})
    with urlopen(Request(url, headers=headers), timeout=limits.timeout_s) as answer:
        resumes = answer.status == 206 and str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-")
        have = have if resumes else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        progress = Progress(name=f"{part.stem} from {urlsplit(url).netloc}", total=total, done=have)
        with part.open("ab" if resumes else "wb") as file:
            _copy(answer, file.write, progress, limits, must_be_fast=must_be_fast)
    if total is not None and progress.done < total:
        raise OSError(f"ended after {progress.done:,} of {total:,} bytes")


def _copy(
    answer: Any, write: Callable[[bytes], object], progress: "Progress", limits: Limits, *, must_be_fast: bool
) -> None:
    try:
        while block := answer.read1(CHUNK):
            write(block)
            progress.add(len(block))
            if must_be_fast and progress.seconds > limits.trial_s and progress.speed < limits.slow:
                raise _TooSlowError(f"slow, {progress.speed / 1000:.0f} kB/s")
    finally:
        progress.end()


@dataclass(slots=True, kw_only=True)
class Progress:
    """Speed and time left of a download, on one line of a terminal, or a line every ten seconds where it is piped."""

    name: str
    total: int | None
    """Bytes, None where the server does not say."""
    done: int = 0
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    every_s: float = 10.0
    _first: int = field(init=False)
    _started: float = field(default_factory=lambda: time.monotonic(), init=False)
    _shown: float = field(default=0.0, init=False)
    _is_open: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._first, self._shown = self.done, self._started

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def speed(self) -> float:
        """Bytes a second since the beginning."""
        return (self.done - self._first) / max(self.seconds, 1e-6)

    def add(self, count: int) -> None:
        """Count bytes that have come, and show it now and then."""
        self.done += count
        now, is_live = time.monotonic(), self.stream.isatty()
        if now - self._shown >= (0.2 if is_live else self.every_s):
            self._shown = now
            self.stream.write(f"\r{self.line():<79}" if is_live else self.line() + "\n")
            self.stream.flush()
            self._is_open = is_live

    def line(self) -> str:
        """Return what is done, how fast, and how long the rest takes, in at most 79 columns."""
        amount = f"{self.done / MB:.1f}" + (f" of {self.total / MB:.1f}" if self.total else "")
        return f"{self.name[:45]}: {amount} MB, {_rate(self.speed)}{self._left()}"[:79]

    def end(self) -> None:
        """End the line."""
        if self._is_open:
            self.stream.write("\n")
            self._is_open = False

    def _left(self) -> str:
        if not self.total or self.speed <= 0:
            return ""
        seconds = (self.total - self.done) / self.speed
        return f", {seconds:.0f} s left" if seconds < 90 else f", {seconds / 60:.0f} min left"


def _rate(speed: float) -> str:
    return f"{speed / MB:.1f} MB/s" if speed >= MB else f"{speed / 1000:.0f} kB/s"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _words(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
