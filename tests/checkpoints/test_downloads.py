"""Downloads, against a local server that does whatever servers do."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import hashlib
import os
import pwd
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import urllib3

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints import downloads, transfer
from bdia_edm.checkpoints.downloads import cache_folder, cached_path, fetch, file_sha256

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


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, an empty cache, and a downloader that hardly pauses."""
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(transfer, "BACKOFF_SECONDS", 0.005)
    monkeypatch.setattr(transfer, "TIMEOUTS_SECONDS", (10.0, 10.0))
    with serving(Server()) as running:
        yield running


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


@pytest.fixture
def impatient(server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short time-outs, only where the server's silence is the point: a busy machine is silent too."""
    given = request.node.callspec.params
    if {silent, stalling} & {given.get("answer"), *given.get("answers", [])}:
        monkeypatch.setattr(transfer, "TIMEOUTS_SECONDS", (10.0, 0.4))


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


# The whole file, at once or after some failures


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("answers", "attempts"),
    [
        ([whole], 1),
        ([whole_chunked], 1),
        ([dripping], 1),
        ([cut_off, cut_off, whole], 3),
        ([cut_off_chunked, whole], 2),
        ([silent, whole], 2),
        ([stalling, whole], 2),
        ([fails(500), fails(503), whole], 3),
        ([fails(429), whole], 2),
    ],
    ids=lambda value: "-".join(answer.__name__ for answer in value) if isinstance(value, list) else None,
)
def test_file_arrives_whole_after_passing_failures(server: Server, answers: list[Answer], attempts: int) -> None:
    url = server.serves(*answers)
    path = fetch(url)
    assert path.read_bytes() == BODY
    assert server.requests_made() == attempts
    assert files_of(url) == {"network.pkl", "network.pkl.sha256"}
    assert path == cached_path(url)
    assert fetch(url) == path
    assert server.requests_made() == attempts, "a file in the cache is not downloaded again"


def test_pause_doubles(server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(transfer, "BACKOFF_SECONDS", 1.0)
    refusal(server.serves(fails(500)))
    assert pauses == [1.0, 2.0, 4.0, 8.0]
    assert capsys.readouterr().err.count("the server answers 500") == 4


# Failures that last


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("answer", "attempts", "reason"),
    [
        (fails(500), 5, "the server answers 500 Internal Server Error; tried 5 times"),
        (cut_off, 5, "tried 5 times"),
        (silent, 5, "timed out"),
        (fails(404), 1, "the server answers 404 Not Found"),
        (fails(403), 1, "the server answers 403 Forbidden"),
        (sends(BODY, Content_Type="text/html; charset=utf-8"), 1, "HTML page"),
        (sends(b"\n <!DOCTYPE HTML><title>Sign in</title>", Content_Type="application/octet-stream"), 1, "HTML page"),
        (sends(b"<html><body>Sign in</body></html>"), 1, "HTML page"),
        (empty, 1, "it is empty"),
        (unmeasured, 1, "no length"),
    ],
    ids=["500", "cut-off", "silent", "404", "403", "html-type", "html-doctype", "html-tag", "empty", "unmeasured"],
)
def test_what_stays_wrong_is_refused(server: Server, answer: Answer, attempts: int, reason: str) -> None:
    url = server.serves(answer)
    message = refusal(url)
    assert message.startswith(f"cannot download {url} (")
    assert reason in message
    assert message.endswith(f"; put the file at {cached_path(url)}")
    assert server.requests_made() == attempts
    assert_nothing_kept(url)


@pytest.mark.parametrize("enforced", [True, False], ids=["urllib3-2", "urllib3-1.26"])
def test_wrong_length_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch, enforced: bool) -> None:
    if not enforced:  # as urllib3 1.26 under requests: a body cut short ends without an error
        lenient = property(lambda self: False, lambda self, value: None)
        monkeypatch.setattr(urllib3.response.HTTPResponse, "enforce_content_length", lenient, raising=False)

    def wrong_length(handler: Handler) -> None:
        handler.head(200, Content_Length=len(BODY) + 1)
        handler.wfile.write(BODY)

    url = server.serves(wrong_length)
    assert str(len(BODY)) in refusal(url)
    assert server.requests_made() == 5
    assert_nothing_kept(url)


def test_no_length_is_enough_with_a_checksum(server: Server) -> None:
    assert fetch(server.serves(unmeasured), BODY_SHA256).read_bytes() == BODY


def test_offline_message_names_url_and_path(server: Server) -> None:
    url = "http://127.0.0.1:9/folder/network.pkl"  # nothing listens there
    message = refusal(url)
    assert message.startswith(f"cannot download {url} (")
    assert "Connection refused" in message
    assert message.endswith(f"put the file at {cached_path(url)}")
    cached_path(url).write_bytes(BODY)  # its folder is there already
    assert fetch(url).read_bytes() == BODY


# Checksums


def test_checksum_is_recorded_as_sha256sum_would(server: Server) -> None:
    path = fetch(server.serves(whole))
    assert file_sha256(path) == BODY_SHA256
    assert path.with_name("network.pkl.sha256").read_text() == f"{BODY_SHA256}  network.pkl\n"


def test_checksum_is_recorded_before_the_file_appears(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    appeared: list[str] = []
    replace = os.replace

    def watched(source: Path, target: Path) -> None:
        appeared.append(target.name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    fetch(server.serves(whole))
    assert appeared == ["network.pkl.sha256", "network.pkl"]


def test_changed_file_is_refused_until_accepted(server: Server) -> None:
    url = server.serves(whole)
    path = fetch(url)
    path.write_bytes(b"other")
    message = refusal(url)
    for part in (str(path), BODY_SHA256, OTHER_SHA256, f"to accept this file delete {path}.sha256"):
        assert part in message
    Path(f"{path}.sha256").unlink()
    assert fetch(url).read_bytes() == b"other"
    assert server.requests_made() == 1


def test_server_that_changed_its_file_is_refused_until_accepted(server: Server) -> None:
    url = server.serves(whole, sends(b"other"))
    path = fetch(url)
    path.unlink()
    message = refusal(url)
    for part in (url, BODY_SHA256, OTHER_SHA256, f"to accept the new file delete {path}.sha256"):
        assert part in message
    assert files_of(url) == {"network.pkl.sha256"}
    Path(f"{path}.sha256").unlink()
    assert fetch(url).read_bytes() == b"other"


def test_pin_holds_at_the_download_and_ever_after(server: Server) -> None:
    url = server.serves(whole)
    message = refusal(url, OTHER_SHA256)
    assert "pinned" in message
    assert BODY_SHA256 in message
    assert OTHER_SHA256 in message
    assert_nothing_kept(url)
    path = fetch(url, BODY_SHA256.upper())
    path.write_bytes(b"other")
    message = refusal(url, BODY_SHA256)
    assert f"{path}: sha256 is {OTHER_SHA256}, pinned is {BODY_SHA256}; delete the file" in message
    path.unlink()
    assert fetch(url, BODY_SHA256).read_bytes() == BODY


def test_pin_goes_before_the_record(server: Server) -> None:
    url = server.serves(whole)
    path = fetch(url)
    Path(f"{path}.sha256").write_text(f"{OTHER_SHA256}  network.pkl\n")
    assert fetch(url, BODY_SHA256) == path


@pytest.mark.parametrize("pin", ["", "abc", "g" * 64])
def test_pin_must_be_a_checksum(server: Server, pin: str) -> None:
    assert "64 hexadecimal digits" in refusal(server.serves(whole), pin)
    assert server.requests_made() == 0


@pytest.mark.parametrize("text", ["", "not a checksum  network.pkl\n"])
def test_damaged_record_is_refused(server: Server, text: str) -> None:
    url = server.serves(whole)
    path = fetch(url)
    Path(f"{path}.sha256").write_text(text)
    assert f"{path}.sha256: must begin with 64 hexadecimal digits" in refusal(url)


def test_file_put_by_hand_is_taken_and_then_held_to(server: Server) -> None:
    url = server.serves(fails(404))
    path = cached_path(url)
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    assert fetch(url) == path
    assert server.requests_made() == 0
    path.write_bytes(b"other")
    assert OTHER_SHA256 in refusal(url)


@pytest.mark.parametrize("content", [b"", b"<!doctype html><title>Sign in</title>"])
def test_page_or_nothing_put_by_hand_is_refused(server: Server, content: bytes) -> None:
    url = server.serves(whole)
    path = cached_path(url)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert str(path) in refusal(url)
    assert not Path(f"{path}.sha256").exists()


# Several processes, and killed ones


def fetch_in_process(url: str, stderr: Path, before: str = "pass") -> subprocess.Popen[bytes]:
    program = f"import sys; from bdia_edm.checkpoints.downloads import fetch; {before}; fetch(sys.argv[1])"
    with stderr.open("ab") as file:
        return subprocess.Popen([sys.executable, "-c", program, url], stderr=file)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_eight_processes_make_one_download(server: Server, tmp_path: Path) -> None:
    released = threading.Event()

    def held(handler: Handler) -> None:
        released.wait(25)
        whole(handler)

    url = server.serves(held)
    stderr = tmp_path / "stderr"
    processes = [fetch_in_process(url, stderr) for _ in range(8)]
    try:
        wait_until(lambda: stderr.read_text().count("waiting for another process") == 7)
        released.set()
        assert [process.wait(20) for process in processes] == [0] * 8, stderr.read_text()
    finally:
        released.set()
        for process in processes:
            process.kill()
            process.wait()
    assert server.requests_made() == 1
    assert cached_path(url).read_bytes() == BODY


def test_killed_download_leaves_no_file_and_no_lock(server: Server, tmp_path: Path) -> None:
    released = threading.Event()

    def half(handler: Handler) -> None:
        cut_off(handler)
        released.wait(25)

    url = server.serves(half, whole)
    path = cached_path(url)
    process = fetch_in_process(url, tmp_path / "stderr")
    try:
        wait_until(lambda: any(partial.stat().st_size for partial in path.parent.glob("*.partial")))
        process.send_signal(signal.SIGKILL)
        assert process.wait(5) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()
        released.set()
    left, lock = sorted(files_of(url), key=lambda name: name.endswith(".lock"))
    assert (left.endswith(".partial"), lock) == (True, "network.pkl.lock")
    other = path.with_name("network.pkl.zip." + "0" * 32 + ".partial")  # another file's, perhaps in use
    other.touch()
    path.with_name("network.pkl.sha256." + "0" * 32 + ".partial").touch()
    assert fetch(url).read_bytes() == BODY
    assert files_of(url) == {"network.pkl", "network.pkl.sha256", other.name}


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS])
def test_where_nothing_can_be_locked_it_is_said_and_fetched(
    server: Server, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    path = fetch(server.serves(whole))
    assert path.read_bytes() == BODY
    said = f"{path.parent}: this file system has no locks; do not download the same file twice at once\n"
    assert capsys.readouterr().err == said


# The disk


def test_unwritable_cache_is_said(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path / "file" / "cache"))  # permissions would not stop root
    message = refusal(server.serves(whole))
    assert f"the cache folder {tmp_path / 'file' / 'cache'} must be writable" in message
    assert server.requests_made() == 0


def test_disk_without_room_is_said_and_left_clean(server: Server, tmp_path: Path) -> None:
    url = server.serves(whole)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))"
    process = fetch_in_process(url, tmp_path / "stderr", limit)
    assert process.wait(20) == 1
    last = (tmp_path / "stderr").read_text().splitlines()[-1]
    assert f"UserError: {cached_path(url)}: File too large; the cache folder {cache_folder()} must be writable" in last
    assert_nothing_kept(url)


def test_folder_in_the_way_is_said(server: Server) -> None:
    url = server.serves(whole)
    cached_path(url).mkdir(parents=True)
    assert "is in the way" in refusal(url)
    assert server.requests_made() == 0


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/network.pkl",
        "http://127.0.0.1.example.org/network.pkl",
        "http://127.0.0.1@example.org/network.pkl",
        "ftp://example.org/network.pkl",
        "file:///etc/passwd",
        "/etc/passwd",
        "https://example.org",
        "https://example.org/",
        "https://example.org/folder/",
        "https://example.org//network.pkl",
        "https://example.org/../network.pkl",
        "https://../network.pkl",
        "https:///network.pkl",
        "https://example.org:port/network.pkl",
        "https://[::1/network.pkl",
        "https://user:secret@example.org/network.pkl",
        "https://example.org/a b.pkl",
        "https://example.org/a\nb.pkl",
        "https://example.org\\network.pkl",
        "https://example.org/network.pkl.sha256",
        "https://example.org/network.pkl.lock",
    ],
)
def test_other_urls_are_refused(server: Server, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(requests, "get", lambda *_, **__: pytest.fail("a request was made"))
    shown = repr(url)[1:-1]
    message = refusal(url)
    assert shown in message or shown.split("//")[1].split("@")[-1] in message
    assert "secret" not in message


def test_cached_path_is_readable_and_every_url_has_its_own(server: Server) -> None:
    cdn = "https://nvlabs-fi-cdn.nvidia.com/edm/pretrained/edm-cifar10-32x32-cond-vp.pkl"
    assert cached_path(cdn) == cache_folder() / cdn.removeprefix("https://")
    urls = [
        "https://example.org/a/x.pkl",
        "https://example.org/b/x.pkl",
        "https://example.org/a%2Fx.pkl",
        "https://example.org/a/x.pkl?version=1",
        "https://example.org/a/x.pkl?version=2",
        "https://example.org:8443/a/x.pkl",
        "https://localhost/x.pkl",
        "http://localhost/x.pkl",
        "http://127.0.0.1/x.pkl",
        "http://[::1]/x.pkl",
    ]
    paths = [cached_path(url) for url in urls]
    assert len(set(paths)) == len(urls)
    assert {path.name for path in paths} == {"x.pkl", "a%2Fx.pkl"}


def test_default_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("BDIA_EDM_CACHE", raising=False)
    assert cache_folder() == tmp_path / "bdia_edm"
    monkeypatch.setenv("BDIA_EDM_CACHE", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"


def test_redirect_within_what_is_allowed_is_followed(server: Server) -> None:
    url = server.serves(redirects("/elsewhere/network.pkl"))
    server.serves(whole, path="/elsewhere/network.pkl")
    assert fetch(url) == cached_path(url)
    assert fetch(url).read_bytes() == BODY


@pytest.mark.parametrize("target", ["http://example.org/network.pkl", "//example.org/network.pkl"])
def test_redirect_to_clear_text_is_refused(server: Server, target: str) -> None:
    url = server.serves(redirects(target))
    assert "redirects to http://example.org/network.pkl, which is not https://" in refusal(url)
    assert server.requests_made() == 1
    assert_nothing_kept(url)


def test_redirect_from_https_to_http_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl to make a certificate")
    certificate, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure = Server()
    secure.scheme = "https"
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    with serving(secure):
        good = secure.serves(whole, path="/good.pkl")
        downgraded = secure.serves(redirects(server.serves(whole)))
        assert "CERTIFICATE_VERIFY_FAILED" in refusal(good)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
        assert fetch(good).read_bytes() == BODY
        assert "which is not https://" in refusal(downgraded)
    assert server.requests_made() == 0, "not even a loopback host may be asked in clear text after https"


# The progress bar


@pytest.mark.parametrize(
    ("terminal", "asked", "shown"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_progress_bar_only_on_a_terminal(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: bool,
    asked: bool,
    shown: bool,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    fetch(server.serves(cut_off, whole), progress=asked)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("100%" in err) == shown


# Servers that mean harm, or are broken


def huge(handler: Handler) -> None:
    handler.head(200, Content_Length="9" * 5000)


def announces_too_much(handler: Handler) -> None:
    handler.head(200, Content_Length=9 << 30)


def packed(handler: Handler) -> None:
    body = gzip.compress(bytes(1 << 20))
    handler.head(200, Content_Encoding="gzip", Content_Length=len(body))
    handler.wfile.write(body)


def packed_on_the_way(handler: Handler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.head(200, Transfer_Encoding="gzip")
    handler.wfile.write(gzip.compress(bytes(1 << 20)))


def endless(handler: Handler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.head(200, Transfer_Encoding="chunked")
    while True:
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(BODY), BODY))


def drips(start: bytes, drop: bytes) -> Answer:
    """Sends ``drop`` for ever, never silent for long."""

    def answer(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + start)
        while not handler.server.stopped.wait(0.05):
            handler.wfile.write(drop)

    return answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (huge, "announces a length of '99999"),
        (announces_too_much, "announces 9663676416 bytes, more than the 8589934592 bytes of any file"),
        (packed, "packs the file (gzip), which it was asked not to do"),
        (packed_on_the_way, "in a way that is not read here (gzip)"),
        (redirects("http://[::1"), "redirects to what is no URL"),
        (redirects("https://exa mple.org:port/\x1b[2J"), "redirects to "),
        (redirects("https://" + "a" * 70 + ".invalid:99999/"), "redirects to "),
        (sends(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "a Git LFS pointer"),
    ],
    ids=["length", "too-much", "gzip", "transfer", "redirect", "redirect-port", "redirect-number", "lfs"],
)
def test_broken_answers_are_refused_at_once(server: Server, answer: Answer, reason: str) -> None:
    url = server.serves(answer)
    message = refusal(url)
    assert reason in message
    assert message.isprintable()
    assert server.requests_made() == 1
    assert_nothing_kept(url)


def test_a_body_without_end_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = server.serves(endless)
    assert "more than the 3145728 bytes that its card allows (most_bytes)" in refusal(url, most_bytes=3 << 20)
    assert server.requests_made() == 1
    assert_nothing_kept(url)
    monkeypatch.setattr(transfer, "MOST_BYTES", 2 << 20)
    monkeypatch.setattr(downloads, "MOST_BYTES", 2 << 20)
    assert "more than the 2097152 bytes of any file" in refusal(url)


def test_a_card_s_bound_goes_before_that_of_all(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "MOST_BYTES", 5)
    url = server.serves(whole)
    assert f"announces {len(BODY)} bytes, more than the {len(BODY) - 1} bytes" in refusal(url, most_bytes=len(BODY) - 1)
    assert_nothing_kept(url)
    assert fetch(url, most_bytes=len(BODY)).read_bytes() == BODY


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"Content-Length: 1000000\r\n\r\n", b"x"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"X-Header: ", b"x"),
    ],
    ids=["body", "chunks", "length-of-a-chunk", "header"],
)
def test_a_byte_now_and_then_is_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch, start: bytes, drop: bytes
) -> None:
    monkeypatch.setattr(transfer, "GRACE_SECONDS", 0.5)
    url = server.serves(drips(start, drop))
    assert "must be 50000 a second or more" in refusal(url)
    assert server.requests_made() == 1
    assert_nothing_kept(url)


# What is nobody else's


@pytest.mark.parametrize("answer", [fails(404), fails(500), redirects("http://example.org/a?token=secret"), empty])
def test_tokens_are_not_told(server: Server, answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    url = server.serves(answer, path="/a.pkl?token=secret&X-Amz-Signature=secret")
    message = refusal(url)
    assert "a.pkl?... (" in message
    assert "secret" not in message + capsys.readouterr().err


def test_tokens_are_not_kept(server: Server) -> None:
    url = server.serves(whole, path="/a.pkl?token=secret")
    path = fetch(url)
    assert "secret" not in str(path) + path.with_name("a.pkl.sha256").read_text()
    path.unlink()
    message = refusal(url, OTHER_SHA256)
    assert "/a.pkl?...: its sha256 is" in message
    assert "secret" not in message


# Links and FIFOs in a shared cache


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir])
@pytest.mark.parametrize("ending", [".sha256", ".lock"])
def test_links_and_fifos_are_not_followed(server: Server, make: Callable[[Path], object], ending: str) -> None:
    url = server.serves(whole)
    path = cached_path(url)
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    make(Path(f"{path}{ending}"))
    assert f"{path}{ending}: " in refusal(url)
    path.unlink()
    assert f"{path}{ending}: " in refusal(url)


def test_a_link_to_a_large_file_elsewhere_is_a_file(server: Server, tmp_path: Path) -> None:
    """The file itself may be a link: people keep large files elsewhere."""
    (tmp_path / "elsewhere").write_bytes(BODY)
    path = cached_path(server.serves(whole))
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "elsewhere")
    assert fetch(server.url("/folder/network.pkl")) == path
    assert server.requests_made() == 0


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_read_only_cache_is_used(
    server: Server, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Permissions would not stop root."""
    url = server.serves(whole)
    path = cached_path(url)
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY)
    real = os.open

    def refuse(name: str | Path, flags: int, *more: int) -> int:
        if flags & os.O_CREAT:
            raise OSError(number, os.strerror(number), str(name))
        return real(name, flags, *more)

    monkeypatch.setattr(os, "open", refuse)
    assert fetch(url) == path
    assert capsys.readouterr().err == (
        f"{path}: taken as it is; no checksum is recorded beside it, and its folder cannot be written\n"
    )
    path.unlink()
    assert "must be writable" in refusal(url)


def test_without_a_home_the_cache_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    for name in ("HOME", "XDG_CACHE_HOME", "BDIA_EDM_CACHE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="BDIA_EDM_CACHE=: must name a folder"):
        cache_folder()
    monkeypatch.setenv("BDIA_EDM_CACHE", "/elsewhere")
    assert cache_folder() == Path("/elsewhere")
