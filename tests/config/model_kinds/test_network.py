"""The card of a network in a file."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.locating import ASSETS
from bdia_edm.config.model_kinds.network import NetworkCard
from bdia_edm.detectors.digits import Digits
from tests.references import REFERENCE, build

CPU = torch.device("cpu")
PICKLE = REFERENCE / "pickles" / "tiny-song-vp-cond.pkl"
DIGITS = NetworkCard(name="digits", path="embedded:digits.safetensors", reference="embedded:digits_reference.npz")


def test_an_edm_pickle_is_a_network() -> None:
    card = NetworkCard(name="p", path=str(PICKLE))
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(card.load(CPU)(x, 0.5), build("tiny-song-vp-cond")(x, 0.5))
    assert card.checksum() == hashlib.sha256(PICKLE.read_bytes()).hexdigest()
    assert card.remote_files == []


def test_a_url_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path / "cache"))
    handler = partial(SimpleHTTPRequestHandler, directory=str(PICKLE.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        card = NetworkCard(name="u", path=f"http://127.0.0.1:{server.server_port}/{PICKLE.name}")
        checksum = card.checksum()
        server.shutdown()
    assert checksum == hashlib.sha256(PICKLE.read_bytes()).hexdigest()
    # The server is gone; the file is in the cache.
    assert card.checksum() == checksum
    assert [file.url for file in card.remote_files] == [card.path]


def test_a_pinned_network() -> None:
    wrong = replace(DIGITS, sha256="0" * 64)
    for look in (wrong.checksum, lambda: wrong.load(CPU)):
        with pytest.raises(UserError, match=r"its sha256 is [0-9a-f]{64}, model.sha256 is 0{64}; give its own"):
            look()


def test_a_pinned_reference() -> None:
    detector = Digits.load(ASSETS / "digits_detector.safetensors", None, (1, 8, 8), CPU)
    found = hashlib.sha256((ASSETS / "digits_reference.npz").read_bytes()).hexdigest()
    assert replace(DIGITS, reference_sha256=found).load_reference(detector).checksum == found
    with pytest.raises(UserError, match=r"its sha256 is [0-9a-f]{64}, model.reference_sha256 is 0{64}; give its own"):
        replace(DIGITS, reference_sha256="0" * 64).load_reference(detector)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"^no\.pkl: no such file; model\.path must be an EDM pickle or a safetensors"):
        NetworkCard(name="n", path="no.pkl").checksum()
