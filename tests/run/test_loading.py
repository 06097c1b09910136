"""What a run works with, from its cards."""

from __future__ import annotations

import hashlib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.config.cards import PACKAGE, DetectorCard, MixtureCard, NetworkCard, detector_card
from bdia_edm.engine.block_sampler import to_uint8
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.run.loading import load_denoiser, load_detector, load_reference
from tests.metrics.test_frechet import distance_from
from tests.metrics.test_statistics import statistics_of
from tests.references import REFERENCE, build

CPU = torch.device("cpu")
DIGITS = NetworkCard("digits", "embedded:digits.safetensors", reference="embedded:digits_reference.npz")
MIXTURE = MixtureCard("g", 3, 1, 4, 5, reference_samples=2000)


def test_the_digits_network() -> None:
    loaded = load_denoiser(DIGITS, CPU)
    network = loaded.denoiser
    assert (network.img_channels, network.img_resolution, network.label_dim) == (1, 8, 10)
    assert loaded.checksum == hashlib.sha256((PACKAGE / "assets" / "digits.safetensors").read_bytes()).hexdigest()
    assert load_denoiser(DIGITS, CPU) is loaded
    # What a denoiser is: a digit with little noise comes back.
    reference = np.load(PACKAGE / "assets" / "digits_reference.npz")
    assert reference["num"] == 1797


def test_a_mixtures_checksum_tells_mixtures_apart() -> None:
    other = MixtureCard("g", 3, 1, 4, 6)
    assert load_denoiser(MIXTURE, CPU).checksum != load_denoiser(other, CPU).checksum
    again = MixtureCard("another name", 3, 1, 4, 5)
    assert load_denoiser(MIXTURE, CPU).checksum == load_denoiser(again, CPU).checksum


def test_the_exact_reference_is_that_of_exact_samples() -> None:
    detector = load_detector(DetectorCard("pixels"), (1, 3, 3), CPU)
    assert detector is not None
    reference = load_reference(MIXTURE, detector)
    samples = GaussianMixture(3, 1, 4, 5).exact_samples(2000)
    assert distance_from(reference, statistics_of(detector(to_uint8(samples)).numpy())) == pytest.approx(0, abs=1e-9)
    others = GaussianMixture(3, 1, 4, 5).exact_samples(2000, seed=9)
    assert distance_from(reference, statistics_of(detector(to_uint8(others)).numpy())) < 0.01


def test_detectors_are_for_their_images(tmp_path: Path) -> None:
    assert load_detector(DetectorCard("none"), (3, 5, 5), CPU) is None
    with pytest.raises(UserError, match=r"detector=digits: takes images of shape \(1, 8, 8\), and these are"):
        load_detector(detector_card("digits"), (3, 8, 8), CPU)
    with pytest.raises(UserError, match="no such file"):
        load_detector(DetectorCard("digits", str(tmp_path / "none.safetensors")), (1, 8, 8), CPU)
    # A denoiser is no detector.
    with pytest.raises(UserError, match="must say format 'bdia_edm detector'"):
        load_detector(DetectorCard("digits", DIGITS.path), (1, 8, 8), CPU)


def test_an_edm_pickle_is_a_network() -> None:
    path = REFERENCE / "pickles" / "tiny-song-vp-cond.pkl"
    network = load_denoiser(NetworkCard("p", str(path)), CPU).denoiser
    expected = build("tiny-song-vp-cond")
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(x, torch.tensor(0.5)), expected(x, torch.tensor(0.5)))


def test_a_url_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path / "cache"))
    handler = partial(SimpleHTTPRequestHandler, directory=str(REFERENCE / "pickles"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/tiny-song-vp-cond.pkl"
        checksum = load_denoiser(NetworkCard("u", url), CPU).checksum
        server.shutdown()
    content = (REFERENCE / "pickles" / "tiny-song-vp-cond.pkl").read_bytes()
    assert checksum == hashlib.sha256(content).hexdigest()
    # The server is gone; the file is in the cache.
    load_denoiser.cache_clear()
    assert load_denoiser(NetworkCard("u", url), CPU).checksum == checksum


def test_a_pinned_reference() -> None:
    detector = load_detector(detector_card("digits"), (1, 8, 8), CPU)
    assert detector is not None
    path = "embedded:digits_reference.npz"
    found = hashlib.sha256((PACKAGE / "assets" / "digits_reference.npz").read_bytes()).hexdigest()
    pinned = NetworkCard("d", "embedded:digits.safetensors", reference=path, reference_sha256=found)
    assert load_reference(pinned, detector).checksum == found
    wrong = NetworkCard("d", "embedded:digits.safetensors", reference=path, reference_sha256="0" * 64)
    with pytest.raises(UserError, match=r"its sha256 is [0-9a-f]{64}, model.reference_sha256 is 0{64}; give its own"):
        load_reference(wrong, detector)


def test_a_pinned_network() -> None:
    wrong = NetworkCard("d", "embedded:digits.safetensors", "0" * 64)
    with pytest.raises(UserError, match=r"its sha256 is [0-9a-f]{64}, model.sha256 is 0{64}; give its own"):
        load_denoiser(wrong, CPU)
