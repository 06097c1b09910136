"""What a run works with, from its cards."""

from __future__ import annotations

import gc
import hashlib
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from bdia_edm.api import finish, make_sampler, prepare
from bdia_edm.base.errors import UserError
from bdia_edm.checkpoints.locating import ASSETS
from bdia_edm.checkpoints.safetensors_file import write_network
from bdia_edm.config.detector_card import DetectorCard, detector_card
from bdia_edm.config.model_kinds.gaussian_mixture import MixtureCard
from bdia_edm.config.model_kinds.network import NetworkCard
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.metrics.reference import write_features
from bdia_edm.models.gaussian_mixture import GaussianMixture
from bdia_edm.models.preconditioning import EDMPrecond
from bdia_edm.run.loading import load_denoiser
from bdia_edm.run.loading_detectors import load_detector

CPU = torch.device("cpu")
DIGITS = NetworkCard(name="digits", path="embedded:digits.safetensors", reference="embedded:digits_reference.npz")
MIXTURE = MixtureCard(name="g", img_resolution=3, img_channels=1, components=4, seed=5, reference_samples=2000)
TINY = {"img_resolution": 8, "img_channels": 1, "label_dim": 0, "sigma_min": 0.01, "sigma_max": 50.0}
TINY |= {"model_channels": 16, "channel_mult": [1], "num_blocks": 1, "attn_resolutions": []}


def test_the_digits_network() -> None:
    network, checksum = load_denoiser(DIGITS, CPU)
    assert (network.img_channels, network.img_resolution, network.label_dim) == (1, 8, 10)
    assert checksum == hashlib.sha256((ASSETS / "digits.safetensors").read_bytes()).hexdigest()
    # What a denoiser is: a digit with little noise comes back.
    reference = np.load(ASSETS / "digits_reference.npz")
    assert reference["num"] == 1797


def test_detectors_are_for_their_images(tmp_path: Path) -> None:
    assert load_detector(DetectorCard("none"), (3, 5, 5), CPU) is None
    with pytest.raises(UserError, match=r"detector=digits: takes images of shape \(1, 8, 8\), and these are"):
        load_detector(detector_card("digits"), (3, 8, 8), CPU)
    with pytest.raises(UserError, match="no such file"):
        load_detector(DetectorCard("digits", str(tmp_path / "none.safetensors")), (1, 8, 8), CPU)
    # A denoiser is no detector.
    with pytest.raises(UserError, match="must say format 'bdia_edm detector'"):
        load_detector(DetectorCard("digits", DIGITS.path), (1, 8, 8), CPU)


def test_a_reference_of_another_detector_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    """Neither the network nor the run's detector is there: what is said first is the reference's detector."""
    options = ("+model=digits", "model.path=none.safetensors", f"results_dir={tmp_path}")
    mean, covariance = np.zeros(64), np.eye(64)
    for made, advice in (
        ("pixels", "take detector=pixels"),
        ("dinov2_vits14", "take detector=dinov2"),
        ("clip", "none of detector=.*digits.* is that one"),
    ):
        file = tmp_path / f"{made}.npz"
        np.savez(file, mu=mean, sigma=covariance, detector=np.array(made))
        message = rf"^model\.reference={file}: made with the detector {made}, and this run's is digits; {advice}$"
        with pytest.raises(UserError, match=message):
            prepare(*options, f"model.reference={file}")
    file = tmp_path / "pixels.npz"
    prepare("+model=digits", f"model.reference={file}", "detector=pixels", f"results_dir={tmp_path}")
    prepare("+model=digits", f"model.reference={file}", "detector=none", f"results_dir={tmp_path}")
    own = PixelDetector((1, 8, 8))
    prepare("+model=digits", f"model.reference={file}", f"results_dir={tmp_path}", detector=own)


def write_tiny(path: Path, value: float) -> Path:
    network = EDMPrecond(**TINY)
    with torch.no_grad():
        next(iter(network.parameters())).fill_(value)
    write_network(path, network, TINY, "denoiser")
    return path


def test_a_file_replaced_on_disk_is_read_anew(tmp_path: Path) -> None:
    card = NetworkCard(name="t", path=str(write_tiny(tmp_path / "t.safetensors", 1.0)))
    first, checksum = load_denoiser(card, CPU)
    write_tiny(tmp_path / "t.safetensors", 2.0)
    second, other = load_denoiser(card, CPU)
    assert checksum != other
    values = [float(next(iter(network.parameters())).flatten()[0]) for network in (first, second)]
    assert values == [1.0, 2.0]


def test_runs_share_what_they_have_in_common_and_it_goes_with_them(tmp_path: Path) -> None:
    options = ("+model=digits", "seeds=0-9", f"results_dir={tmp_path}")
    one, other = prepare(*options, "sampler.num_steps=3"), prepare(*options, "sampler.num_steps=4")
    assert one.denoiser is other.denoiser
    assert one.detector is other.detector
    assert one.reference is other.reference
    alive = [weakref.ref(part) for part in (one.denoiser, one.detector, one.reference)]
    del one, other
    gc.collect()
    assert [part() for part in alive] == [None, None, None]


def test_preparing_changes_nothing_global(tmp_path: Path) -> None:
    threads, generator = torch.get_num_threads(), torch.get_rng_state()
    torch.backends.cudnn.benchmark = torch.backends.cuda.matmul.allow_tf32 = True
    try:
        prepare("+model=digits", "seeds=0-9", f"results_dir={tmp_path}")
        assert torch.backends.cudnn.benchmark
        assert torch.backends.cuda.matmul.allow_tf32
    finally:
        torch.backends.cudnn.benchmark = torch.backends.cuda.matmul.allow_tf32 = False
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), generator)


class Shifted(GaussianMixture):
    """A denoiser of the user's own; what it computes with lies deep in it."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.inner = torch.nn.Module()
        self.inner._shift = (shift,)

    def forward(self, x, sigma, class_labels=None):
        return super().forward(x, sigma, class_labels) + self.inner._shift[0]


def test_parts_of_ones_own_are_an_identity_of_their_own(tmp_path: Path) -> None:
    """Each has its folder; the same again has the same."""
    options = ("+model=gaussian_mixture", "model.reference_samples=100", "seeds=0-9", f"results_dir={tmp_path}")
    plain = prepare(*options)
    runs = [
        prepare(*options, denoiser=Shifted(0.1)),
        prepare(*options, denoiser=Shifted(0.2)),
        prepare(*options, sampler=make_sampler("edm", {"num_steps": 5})),
        prepare(*options, sampler=make_sampler("edm", {"num_steps": 6})),
        prepare(*options, detector=PixelDetector((1, 4, 4)), denoiser=Shifted(0.1)),
    ]
    assert len({run.folder for run in [plain, *runs[:4]]}) == 5
    assert runs[4].folder == runs[0].folder
    assert "source of denoiser" in runs[0].checksums
    assert "source of sampler" not in runs[2].checksums
    assert prepare(*options, denoiser=Shifted(0.1)).folder == runs[0].folder


def test_objects_stay_in_their_process(tmp_path: Path) -> None:
    options = ("+model=gaussian_mixture", "seeds=0-9", f"results_dir={tmp_path}", "workers=2")
    with pytest.raises(
        UserError, match=r"^workers=2: objects of your own stay in this process; take workers=1, torchr"
    ):
        prepare(*options, denoiser=Shifted(0.1))


def test_images_that_no_png_holds_are_refused_before_the_first(tmp_path: Path) -> None:
    for channels, kind, fits in (
        (1, "png", True),
        (2, "png", False),
        (3, "png", True),
        (5, "png", False),
        (5, "npz", True),
    ):
        options = ("+model=gaussian_mixture", f"model.img_channels={channels}", "model.reference_samples=100")
        options += ("seeds=0-9", f"save_images={kind}", f"results_dir={tmp_path}")
        if fits:
            prepare(*options)
        else:
            message = rf"^save_images=png: .* these images have {channels}; take save_images=npz$"
            with pytest.raises(UserError, match=message):
                prepare(*options)


class Nameless:
    """No module, and what it holds says nothing."""

    img_resolution, img_channels, label_dim, sigma_min, sigma_max = 4, 1, 0, 0.0, 100.0

    def __init__(self) -> None:
        self.table = {"a": object()}

    def __call__(self, x, sigma, class_labels=None):
        return x

    def round_sigma(self, sigma):
        return sigma


def test_an_object_must_say_what_it_computes(tmp_path: Path) -> None:
    options = ("+model=gaussian_mixture", "seeds=0-9", f"results_dir={tmp_path}")
    with pytest.raises(UserError, match=r"^denoiser: Nameless needs an attribute 'checksum', a text that changes with"):
        prepare(*options, denoiser=Nameless())


SESSION = """
from bdia_edm.api import GaussianMixture, prepare

class Mine(GaussianMixture):
    def forward(self, x, sigma, class_labels=None):
        return super().forward(x, sigma, class_labels) + SHIFT

options = ("+model=gaussian_mixture", "model.reference_samples=100", "seeds=0-9")
print(prepare(*options, denoiser=Mine()).checksums["source of denoiser"])
"""


def test_a_class_of_an_interactive_session_is_known_by_what_it_does(tmp_path: Path) -> None:
    """It has no file; edited, it is another."""
    found = []
    for shift in ("0.1", "0.1", "0.2"):
        code = SESSION.replace("SHIFT", shift)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
        found.append(done.stdout)
    assert found[0] == found[1] != found[2]


def test_features_of_the_data_are_read_and_told_apart_where_a_metric_needs_them(tmp_path: Path) -> None:
    options = ("+model=digits", "seeds=0-99", "device=cpu", f"results_dir={tmp_path}")
    features = np.load(ASSETS / "digits_reference_features.npz")["features"]
    write_features(tmp_path / "some.npz", features[:500], "digits")
    other = f"model.reference_features={tmp_path / 'some.npz'}"
    without = prepare(*options)
    assert "reference features" not in without.checksums
    # Runs that were made before there were any are found again, whatever lies there.
    assert prepare(*options, other).identity == without.identity
    assert prepare(*options, "model.reference_features=none.npz").identity == without.identity
    needing = prepare(*options, "metric=[kid,frechet]")
    assert needing.reference is not None
    assert np.array_equal(needing.reference.features, features)
    fewer = prepare(*options, "metric=[kid,frechet]", other)
    assert fewer.reference is not None
    assert fewer.reference.num_kept == 500
    assert fewer.checksums["reference features"] != needing.checksums["reference features"]
    assert fewer.folder != needing.folder


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("model.reference_features=null", r"^metric=kid: needs features of the data, and the reference keeps none"),
        ("model.reference_features=none.npz", r"^model.reference_features=none.npz: no such file"),
        (
            "model.reference_features=embedded:digits_reference.npz",
            r"^model.reference_features=.*: must keep features, as python -m bdia_edm.fid ref --features does",
        ),
    ],
)
def test_what_of_the_datas_features_is_refused_before_the_first_image(given: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        prepare("+model=digits", "seeds=0-99", "metric=[frechet,kid]", given, f"results_dir={tmp_path}")
    assert list(tmp_path.iterdir()) == []


def test_every_metric_of_one_run_whatever_the_workers(tmp_path: Path) -> None:
    options = ("+model=gaussian_mixture", "seeds=0-199", "sampler.num_steps=3", "block_size=50", "device=cpu")
    metrics = "metric=[frechet,kid,prdc,mmd,fid_infinity]"
    one, two = (
        finish(prepare(*options, metrics, f"workers={workers}", f"results_dir={tmp_path / str(workers)}"))
        for workers in (1, 2)
    )
    assert one["metrics"] == two["metrics"]
    assert list(one["metrics"]) == [
        *("fd_pixels", "kid_pixels", "kid_pixels_se", "precision_pixels", "recall_pixels", "density_pixels"),
        *("coverage_pixels", "mmd_pixels", "fd_pixels_infinity"),
    ]
    assert one["num_reference_features"] == 10_000
    assert one["higher_is_better"] == list(one["metrics"])[3:7]
