"""Fetch of a file from mirrors on loopback that are slow, dead, wrong, or cut off."""

import hashlib
import io
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from resnet_lab.data.fetch import Limits, Progress, fetch, fetch_unknown
from resnet_lab.data.files import KnownFile

CONTENT = bytes(range(256)) * 1000
FILE = KnownFile(name="set.tar.gz", digest=hashlib.md5(CONTENT, usedforsecurity=False).hexdigest())
QUICK = Limits(timeout_s=5.0, slow=1e6, trial_s=0.05, cuts=3)


class Server(ThreadingHTTPServer):
    """A mirror: serves `content`, in pieces of `piece` bytes at most, each after `pause` seconds; keeps the ranges."""

    daemon_threads = True

    def __init__(self, content=CONTENT, *, piece=None, pause=0.0, resumes=True, status=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.piece, self.pause, self.resumes, self.status = content, piece, pause, resumes, status
        self.ranges = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/{FILE.name}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.ranges.append(asked)
        if server.status:
            self.send_error(server.status)
            return
        start = int(re.match(r"bytes=(\d+)-", asked).group(1)) if asked and server.resumes else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        rest = server.content[start:]
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.send(rest)

    def send(self, rest):
        server = self.server
        if server.pause:
            for begin in range(0, len(rest), server.piece):
                time.sleep(server.pause)
                try:
                    self.wfile.write(rest[begin : begin + server.piece])
                except OSError:  # the client has left
                    return
        else:
            self.wfile.write(rest[: server.piece])  # and ends, cut off where there is more

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    servers = []

    def start(*arguments, **options):
        servers.append(Server(*arguments, **options))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def dead():
    """An address where nothing listens."""
    server = Server()
    server.server_close()
    return server.url


def test_the_first_mirror_that_works_is_enough(serve, tmp_path):
    first, second = serve(), serve()
    assert fetch(FILE, (first.url, second.url), tmp_path).read_bytes() == CONTENT
    assert (first.ranges, second.ranges) == ([None], [])
    fetch(FILE, (first.url,), tmp_path)
    assert first.ranges == [None], "what is there is not fetched again"
    assert [path.name for path in tmp_path.iterdir()] == [FILE.name]


def test_a_dead_mirror_and_one_that_refuses_are_passed_over(serve, dead, tmp_path):
    assert fetch(FILE, (dead, serve(status=503).url, serve().url), tmp_path).read_bytes() == CONTENT


def test_a_wrong_file_is_not_kept(serve, tmp_path):
    wrong = serve(b"another file")
    assert fetch(FILE, (wrong.url, serve().url), tmp_path).read_bytes() == CONTENT
    with pytest.raises(OSError, match=r"127\.0\.0\.1:\d+: gave another file, its MD5 is not the published one"):
        fetch(FILE, (wrong.url,), tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []


def test_a_cut_is_mended_by_range(serve, tmp_path):
    server = serve(piece=100_000)
    assert fetch(FILE, (server.url,), tmp_path, limits=QUICK).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-", "bytes=200000-"]


def test_the_next_call_goes_on_where_the_last_one_ended(serve, tmp_path):
    with pytest.raises(OSError, match="ended after 100,000 of 256,000 bytes"):
        fetch(FILE, (serve(piece=100_000).url,), tmp_path, limits=Limits(cuts=0))
    server = serve()
    fetch(FILE, (server.url,), tmp_path)
    assert server.ranges == ["bytes=100000-"]


def test_a_mirror_that_cannot_resume_begins_again(serve, tmp_path):
    (tmp_path / f"{FILE.name}.part").write_bytes(CONTENT[:1000])
    assert fetch(FILE, (serve(resumes=False).url,), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("part", [b"wrong bytes", CONTENT + b"more"], ids=["another mirror's", "longer than the file"])
def test_what_an_earlier_mirror_left_wrong_does_not_spoil_the_rest(part, serve, tmp_path):
    (tmp_path / f"{FILE.name}.part").write_bytes(part)
    assert fetch(FILE, (serve().url,), tmp_path).read_bytes() == CONTENT


def test_a_slow_mirror_is_left_for_a_fast_one_and_its_bytes_are_kept(serve, tmp_path):
    slow, fast = serve(piece=2000, pause=0.03), serve()
    assert fetch(FILE, (slow.url, fast.url), tmp_path, limits=QUICK).read_bytes() == CONTENT
    (asked,) = fast.ranges
    assert asked.startswith("bytes=")


def test_where_all_others_fail_the_slow_one_is_waited_for(serve, dead, tmp_path):
    slow = serve(piece=30_000, pause=0.03)
    assert fetch(FILE, (slow.url, dead), tmp_path, limits=QUICK).read_bytes() == CONTENT
    assert len(slow.ranges) == 2


def test_every_mirror_is_named_with_its_reason(serve, dead, tmp_path):
    with pytest.raises(OSError, match=r"refused.*; 127\.0\.0\.1:\d+: HTTP Error 404"):
        fetch(FILE, (dead, serve(status=404).url), tmp_path)


def test_a_file_without_a_digest_is_fetched_whole(serve, tmp_path):
    assert fetch_unknown(serve(piece=100_000).url, tmp_path, limits=QUICK).read_bytes() == CONTENT
    with pytest.raises(OSError, match="HTTP Error 500"):
        fetch_unknown(serve(status=500).url, tmp_path)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_speed_and_time_left_are_shown_in_a_terminal_and_now_and_then_in_a_pipe(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("resnet_lab.data.fetch.time.monotonic", lambda: now[0])
    shown = {}
    for stream in (Terminal(), io.StringIO()):
        now[0] = 0.0
        progress = Progress(name="set from a.long.host", total=170_000_000, done=20_000_000, stream=stream)
        for _ in range(12):
            now[0] += 1.0
            progress.add(500_000)
        progress.end()
        shown[stream.isatty()] = stream.getvalue()
    assert shown[False] == "set from a.long.host: 25.0 of 170.0 MB, 500 kB/s, 5 min left\n"
    assert shown[True].count("\r") == 12
    assert max(map(len, shown[True].split("\r"))) <= 80
    assert shown[True].endswith("\n")
