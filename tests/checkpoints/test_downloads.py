"""Downloads, against a local server that does whatever servers do."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.downloads import cache_folder, cached_path, fetch, file_sha256
from tests.checkpoints.http_server import (
    BODY,
    BODY_SHA256,
    OTHER_SHA256,
    Handler,
    Server,
    assert_nothing_kept,
    cut_off,
    fails,
    files_of,
    refusal,
    sends,
    whole,
)

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


# What is nobody else's


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
