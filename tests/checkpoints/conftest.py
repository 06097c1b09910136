"""The server that downloads are tried on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bdia_edm.checkpoints import transfer
from tests.checkpoints.http_server import Server, serving, silent, stalling


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, an empty cache, and a downloader that hardly pauses."""
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(transfer, "BACKOFF_SECONDS", 0.005)
    monkeypatch.setattr(transfer, "TIMEOUTS_SECONDS", (10.0, 10.0))
    with serving(Server()) as running:
        yield running


@pytest.fixture
def impatient(server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short time-outs, only where the server's silence is the point: a busy machine is silent too."""
    given = request.node.callspec.params
    if {silent, stalling} & {given.get("answer"), *given.get("answers", [])}:
        monkeypatch.setattr(transfer, "TIMEOUTS_SECONDS", (10.0, 0.4))
