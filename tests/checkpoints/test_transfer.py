"""One file over HTTP, from a local server that does whatever servers do."""

from __future__ import annotations

import gzip
import shutil
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
import urllib3

from bdia_edm.checkpoints import downloads, transfer
from bdia_edm.checkpoints.downloads import cached_path, fetch
from tests.checkpoints.http_server import (
    BODY,
    BODY_SHA256,
    Answer,
    Handler,
    Server,
    assert_nothing_kept,
    cut_off,
    cut_off_chunked,
    dripping,
    empty,
    fails,
    files_of,
    redirects,
    refusal,
    sends,
    serving,
    silent,
    stalling,
    unmeasured,
    whole,
    whole_chunked,
)

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


# Redirects


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


# Secrets


@pytest.mark.parametrize("answer", [fails(404), fails(500), redirects("http://example.org/a?token=secret"), empty])
def test_tokens_are_not_told(server: Server, answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    url = server.serves(answer, path="/a.pkl?token=secret&X-Amz-Signature=secret")
    message = refusal(url)
    assert "a.pkl?... (" in message
    assert "secret" not in message + capsys.readouterr().err
