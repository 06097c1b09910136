"""A local server that does whatever servers do, and what a download of it leaves."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.downloads import cached_path, fetch

BODY = bytes(range(256)) * 4096  # 1 MiB, so several of the downloader's chunks
BODY_SHA256 = hashlib.sha256(BODY).hexdigest()
OTHER_SHA256 = hashlib.sha256(b"other").hexdigest()

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Counts the request and gives the next of the answers set for its path; the last of them again and again."""

    server: Server

    def do_GET(self) -> None:
        self.close_connection = True
        with self.server.lock:
            answers = self.server.answers[self.path]
            answer = answers[min(self.server.gets[self.path], len(answers) - 1)]
            self.server.gets[self.path] += 1
        with contextlib.suppress(ConnectionError):
            answer(self)

    def head(self, code: int, **headers: object) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 32

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.answers: dict[str, list[Answer]] = {}
        self.gets: defaultdict[str, int] = defaultdict(int)
        self.scheme = "http"

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}{path}"

    def serves(self, *answers: Answer, path: str = "/folder/network.pkl") -> str:
        self.answers[path] = list(answers)
        return self.url(path)

    def requests_made(self) -> int:
        return sum(self.gets.values())


def whole(handler: Handler) -> None:
    handler.head(200, Content_Length=len(BODY))
    handler.wfile.write(BODY)


def cut_off(handler: Handler) -> None:
    handler.head(200, Content_Length=len(BODY))
    handler.wfile.write(BODY[: len(BODY) // 2])


def cut_off_chunked(handler: Handler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.head(200, Transfer_Encoding="chunked")
    handler.wfile.write(b"%x\r\n%b\r\n" % (len(BODY), BODY))  # and not the empty chunk that ends a body


def whole_chunked(handler: Handler) -> None:
    cut_off_chunked(handler)
    handler.wfile.write(b"0\r\n\r\n")


def dripping(handler: Handler) -> None:
    handler.head(200, Content_Length=len(BODY))
    for start in range(0, len(BODY), len(BODY) // 8):
        time.sleep(0.1)
        handler.wfile.write(BODY[start : start + len(BODY) // 8])


def silent(handler: Handler) -> None:
    time.sleep(5)


def stalling(handler: Handler) -> None:
    cut_off(handler)
    time.sleep(5)


def unmeasured(handler: Handler) -> None:
    handler.head(200)
    handler.wfile.write(BODY)


def empty(handler: Handler) -> None:
    handler.head(200, Content_Length=0)


def fails(code: int) -> Answer:
    def answer(handler: Handler) -> None:
        handler.send_error(code)  # with an HTML page that explains it

    return answer


def sends(body: bytes, **headers: object) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(200, Content_Length=len(body), **headers)
        handler.wfile.write(body)

    return answer


def redirects(target: str) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(302, Location=target, Content_Length=0)

    return answer


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()


def refusal(url: str, sha256: str | None = None, most_bytes: int | None = None) -> str:
    with pytest.raises(UserError) as caught:
        fetch(url, sha256, most_bytes)
    message = str(caught.value)
    assert "\n" not in message
    return message


def files_of(url: str) -> set[str]:
    """The names in the folder of the file."""
    return set(os.listdir(cached_path(url).parent))


def assert_nothing_kept(url: str) -> None:
    assert files_of(url) == set()
