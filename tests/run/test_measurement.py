"""Measuring images of other programs: the truth by hand, the sampler's own record, and every refusal."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bdia_edm.api import Measuring, finish, make_reference, measure, prepare
from bdia_edm.base.errors import UserError
from bdia_edm.config.detector_card import detector_card
from bdia_edm.detectors.detector import Detector
from bdia_edm.detectors.pixels import PixelDetector
from bdia_edm.detectors.registry import DETECTORS
from bdia_edm.fid import main
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.reference import read_reference, with_features
from bdia_edm.run.loading_detectors import load_detector
from tests.detector_files import write_dinov2
from tests.foreign_images import made_pixels, write_folder, write_npz, write_zip
from tests.metrics.test_metric import Confidence, Widest
from tests.metrics.test_statistics import statistics_of

DIGITS = "embedded:digits_reference.npz"
DETECTOR = "embedded:digits_detector.safetensors"
NAMES = ", ".join(DETECTORS.names())
PIXELS = made_pixels(150)


def options(**given: Any) -> Measuring:
    return Measuring(**{"progress": False, "device": "cpu", **given})


@pytest.mark.parametrize("kind", ["npz", "png"])
def test_the_records_distance(kind: str, tmp_path: Path) -> None:
    run = prepare(
        "+model=digits",
        "sampler.num_steps=3",
        "seeds=0-149",
        "block_size=100",
        "batch_size=64",
        "device=cpu",
        f"save_images={kind}",
        f"results_dir={tmp_path}",
    )
    record = finish(run, lambda line: None)
    result = measure(run.folder / "images", DIGITS, options())
    assert result["metrics"] == pytest.approx(record["metrics"], rel=1e-6)
    assert result["checksums"]["reference"] == record["checksums"]["reference"]
    assert result["checksums"]["detector"] == record["checksums"]["detector"]
    assert (result["num_images"], result["num_found"], result["shape"]) == (150, 150, [1, 8, 8])
    # The batches fall elsewhere; only float32 rounding in the detector may tell.
    other = measure(run.folder / "images", DIGITS, options(batch=7))
    assert other["metrics"] == pytest.approx(record["metrics"], rel=1e-6)
    assert other["checksums"] == result["checksums"]


def test_by_hand(tmp_path: Path) -> None:
    write_npz(tmp_path / "data.npz", PIXELS[:80, :2, :3])
    write_npz(tmp_path / "images.npz", PIXELS[80:, :2, :3])
    result = make_reference(tmp_path / "data.npz", tmp_path / "ref.npz", options(detector="pixels"))
    assert result["reference"] == str(tmp_path / "ref.npz")
    features = PIXELS[:, :2, :3].reshape(150, 6).astype(np.float64) / 127.5 - 1
    with np.load(tmp_path / "ref.npz") as file:
        np.testing.assert_allclose(file["mu"], features[:80].mean(axis=0), atol=1e-7)
        np.testing.assert_allclose(file["sigma"], np.cov(features[:80].T), atol=1e-6)
        assert (int(file["num"]), str(file["detector"])) == (80, "pixels")
    expected = frechet_distance(
        features[80:].mean(axis=0), np.cov(features[80:].T), features[:80].mean(axis=0), np.cov(features[:80].T)
    )
    measured = measure(tmp_path / "images.npz", tmp_path / "ref.npz", options())
    assert measured["metrics"] == {"fd_pixels": pytest.approx(expected, rel=1e-5)}
    assert measured["checksums"]["reference"] == result["checksums"]["reference"]
    assert measure(tmp_path / "data.npz", tmp_path / "ref.npz", options())["metrics"]["fd_pixels"] < 1e-9


def test_folder_zip_and_npz_to_the_last_bit(tmp_path: Path) -> None:
    sources = [
        write_folder(tmp_path / "a", PIXELS),
        write_zip(tmp_path / "a.zip", PIXELS),
        write_npz(tmp_path / "a.npz", PIXELS),
    ]
    results = [measure(source, DIGITS, options()) for source in sources]
    assert len({result["metrics"]["fd_digits"] for result in results}) == 1
    assert len({result["checksums"]["images"] for result in results}) == 1
    for index, source in enumerate(sources):
        make_reference(source, tmp_path / f"{index}.npz", options(detector="digits", num=100, seed=3))
    assert len({read_reference(tmp_path / f"{index}.npz", "digits", 64).mean.tobytes() for index in range(3)}) == 1


def test_the_images_are_drawn_by_the_seed(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", PIXELS)
    first, again, other = (
        measure(tmp_path / "a.npz", DIGITS, options(num=100, seed=seed, say=lambda line: None)) for seed in (1, 1, 2)
    )
    assert first == again
    assert (first["num_images"], first["num_found"]) == (100, 150)
    assert first["metrics"] != other["metrics"]
    # Which ones, by the original's way; in their order, each once.
    drawn = np.arange(150)
    np.random.RandomState(1).shuffle(drawn)
    drawn = np.sort(drawn[:100])
    write_npz(tmp_path / "drawn.npz", PIXELS[drawn])
    by_hand = measure(tmp_path / "drawn.npz", DIGITS, options())
    assert (by_hand["metrics"], by_hand["checksums"]) == (first["metrics"], first["checksums"])
    # All of them are all of them, whatever the seed.
    whole = measure(tmp_path / "a.npz", DIGITS, options(num=150, seed=5))
    assert whole["metrics"] == measure(tmp_path / "a.npz", DIGITS, options())["metrics"]


@pytest.mark.parametrize(
    ("seed", "drawn"), [(0, [1, 2, 4, 8, 9]), (2**31, [1, 2, 4, 8, 9]), (5 * 2**40, [1, 2, 4, 8, 9])]
)
def test_the_subset_is_the_originals(seed: int, drawn: list[int], tmp_path: Path) -> None:
    write_npz(tmp_path / "all.npz", PIXELS[:10])
    write_npz(tmp_path / "drawn.npz", PIXELS[drawn])
    taken = measure(tmp_path / "all.npz", DIGITS, options(num=5, seed=seed, say=lambda line: None))
    by_hand = measure(tmp_path / "drawn.npz", DIGITS, options(say=lambda line: None))
    assert (taken["metrics"], taken["checksums"]) == (by_hand["metrics"], by_hand["checksums"])


def test_the_features_are_the_detectors(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", PIXELS)
    make_reference(tmp_path / "a.npz", tmp_path / "ref.npz", options(detector="digits", batch=150))
    detector = load_detector(detector_card("digits"), (1, 8, 8), torch.device("cpu"))
    assert detector is not None
    with torch.inference_mode():
        features = detector(torch.from_numpy(PIXELS).permute(0, 3, 1, 2).contiguous()).numpy()
    mean, covariance = statistics_of(features).mean_and_covariance()
    found = read_reference(tmp_path / "ref.npz", "digits", 64)
    assert np.array_equal(found.mean, mean)
    assert np.array_equal(found.covariance, covariance)


def test_a_reference_keeps_features_of_all_or_of_drawn_images(tmp_path: Path) -> None:
    images = write_npz(tmp_path / "a.npz", PIXELS)
    detector = load_detector(detector_card("digits"), (1, 8, 8), torch.device("cpu"))
    assert detector is not None
    with torch.inference_mode():
        features = detector(torch.from_numpy(PIXELS).permute(0, 3, 1, 2).contiguous()).numpy()
    drawn = np.arange(150)
    np.random.RandomState(3).shuffle(drawn)
    moments = []
    for asked, rows in ((0, None), (500, features), (40, features[np.sort(drawn[:40])])):
        ref = tmp_path / f"{asked}.npz"
        result = make_reference(images, ref, options(detector="digits", seed=3, batch=32), features=asked)
        assert result["num_features_kept"] == (0 if rows is None else len(rows))
        assert (f"--features {asked}" in result["command"]) == (asked > 0)
        reference = read_reference(ref, "digits", 64)
        moments.append((reference.mean.tobytes(), reference.covariance.tobytes()))
        kept = with_features(reference, ref, None, "digits").kept
        assert (kept is None) == (rows is None)
        if kept is not None and rows is not None:
            np.testing.assert_allclose(kept, rows, atol=1e-5)
    assert len(set(moments)) == 1
    with pytest.raises(UserError, match=r"^features=-1: must be 0 or more"):
        make_reference(images, tmp_path / "b.npz", options(detector="digits"), features=-1)


def test_the_data_against_itself_by_every_metric(tmp_path: Path) -> None:
    images, other = write_npz(tmp_path / "a.npz", PIXELS), tmp_path / "features.npz"
    make_reference(images, tmp_path / "plain.npz", options(detector="digits"))
    make_reference(images, other, options(detector="digits", batch=150), features=150)
    chosen = options(metric=["frechet", "kid", "prdc", "inception_score", "mmd"])
    whole = measure(images, other, chosen)
    figures = whole["metrics"]
    assert (figures["precision_digits"], figures["recall_digits"], figures["coverage_digits"]) == (1, 1, 1)
    assert figures["mmd_digits"] < 1e-9
    assert figures["kid_digits"] < 0 < figures["kid_digits_se"]
    assert 1 <= figures["inception_score_digits"] <= 10
    higher = [f"{name}_digits" for name in ("precision", "recall", "density", "coverage", "inception_score")]
    assert whole["higher_is_better"] == higher
    assert whole["num_reference_features"] == 150
    # The features may lie in another file than the moments; the line says so, and who made them is held to it.
    result = measure(images, tmp_path / "plain.npz", chosen, ref_features=other)
    assert result["metrics"] == figures
    assert result["checksums"]["reference features"] == whole["checksums"]["reference"]
    done = CliRunner().invoke(main, [*shlex.split(result["command"])[3:], "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["metrics"] == figures
    with pytest.raises(UserError, match=r"^ref_features=.*plain\.npz: must keep features"):
        measure(images, tmp_path / "plain.npz", chosen, ref_features=tmp_path / "plain.npz")
    # Where nobody needs them they are not looked at.
    alone = measure(images, tmp_path / "plain.npz", options(), ref_features=tmp_path / "none.npz")
    assert "num_reference_features" not in alone
    assert "higher_is_better" not in alone


def test_references_of_others(tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", PIXELS)
    make_reference(tmp_path / "a.npz", tmp_path / "ref.npz", options(detector="digits"))
    with np.load(tmp_path / "ref.npz") as file:
        mean, covariance = file["mu"], file["sigma"]
    further = {"mu_s": np.zeros(3), "sigma_s": np.eye(3), "arr_0": made_pixels(2, 3), "arr_1": np.arange(2)}
    np.savez(tmp_path / "adm.npz", mu=mean, sigma=covariance, **further)
    with pytest.raises(UserError, match=rf"^detector: missing; ref=.*adm\.npz does not name .*: {NAMES}"):
        measure(tmp_path / "a.npz", tmp_path / "adm.npz", options())
    result = measure(tmp_path / "a.npz", tmp_path / "adm.npz", options(detector="digits"))
    assert abs(result["metrics"]["fd_digits"]) < 1e-9
    np.savez(tmp_path / "odd.npz", mu=mean, sigma=covariance, detector=np.array("clip"))
    with pytest.raises(UserError, match=rf"^ref=.*odd\.npz: made with the detector clip; there are {NAMES}"):
        measure(tmp_path / "a.npz", tmp_path / "odd.npz", options())
    with pytest.raises(UserError, match=r"^ref=.*made with the detector digits, and this run's is pixels"):
        measure(tmp_path / "a.npz", DIGITS, options(detector="pixels"))
    write_npz(tmp_path / "rgb.npz", made_pixels(10, 3))
    with pytest.raises(UserError, match=r"^ref=.*mu \(64,\) and sigma \(64, 64\) must be \(192,\) and"):
        measure(tmp_path / "rgb.npz", tmp_path / "adm.npz", options(detector="pixels", say=lambda line: None))


def test_the_command_repeats_it(tmp_path: Path) -> None:
    write_npz(tmp_path / "a b.npz", PIXELS)
    asset = DETECTOR
    first = measure(tmp_path / "a b.npz", DIGITS, options(num=120, seed=9, batch=50, detector_path=asset))
    words = shlex.split(first["command"])
    assert words[:3] == ["python", "-m", "bdia_edm.fid"]
    done = CliRunner().invoke(main, [*words[3:], "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == first


def test_too_few_images_for_the_features_are_warned_about(tmp_path: Path) -> None:
    lines: list[str] = []
    write_npz(tmp_path / "a.npz", PIXELS)
    measure(tmp_path / "a.npz", DIGITS, options(num=65, say=lines.append))
    assert lines == []
    measure(tmp_path / "a.npz", DIGITS, options(num=64, say=lines.append))
    (line,) = lines
    assert line.startswith("warning: 64 images are too few for 64 features")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num": 151}, r"^num=151: images=.*a\.npz holds 150 images"),
        ({"num": 1}, "^num=1: must be at least 2"),
        ({"num": 0}, "^num=0: must be at least 2"),
        ({"seed": -1}, "^seed=-1: must be at least 0"),
        ({"batch": 0}, "^batch=0: must be at least 1"),
        ({"device": "tpu"}, "^device=tpu: must be one of auto, cpu, cuda"),
        ({"detector": "none"}, f"^detector=none: must be one of {NAMES}"),
        ({"detector": "pixels", "detector_path": "x"}, "^detector_path=x: the detector pixels has no file"),
        (
            {"detector": PixelDetector((1, 8, 8)), "detector_path": "x"},
            "^detector_path=x: the detector pixels has no file",
        ),
        ({"detector_sha256": "0" * 64}, "^detector_sha256=0*: is for detector_path, which is not given"),
        (
            {"detector_path": DETECTOR, "detector_sha256": "0" * 64},
            "sha256 is [0-9a-f]*, detector_sha256 is 0*; give",
        ),
        ({"metric": "kit"}, "^metric=kit: must be one of .*frechet"),
        ({"metric": ["frechet", "frechet"]}, "^metric=frechet: stands there twice"),
        ({"metric": []}, "^metric: missing"),
        ({"metric": "prdc"}, "^metric=prdc: needs features of the data, and the reference keeps none; python -m"),
        ({"detector_path": "/no/such/file"}, "/no/such/file: no such file"),
        ({"detector_path": "http://example.org/x"}, "must be an https"),
    ],
)
def test_options_that_are_refused(given: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", PIXELS)
    with pytest.raises(UserError, match=message) as error:
        measure(tmp_path / "a.npz", DIGITS, options(**given))
    assert "\n" not in str(error.value)


def test_images_that_are_refused(tmp_path: Path) -> None:
    write_npz(tmp_path / "one.npz", PIXELS[:1])
    with pytest.raises(UserError, match=r"^images=.*one\.npz: holds one image"):
        measure(tmp_path / "one.npz", DIGITS, options())
    write_npz(tmp_path / "rgb.npz", made_pixels(5, 3))
    with pytest.raises(UserError, match=r"detector=digits: takes images of shape \(1, 8, 8\), and these are \(3, 8, 8"):
        measure(tmp_path / "rgb.npz", DIGITS, options())


class FaultyDetector(Detector):
    name, num_features, checksum = "digits", 4, "0"

    def __init__(self, error: RuntimeError | None) -> None:
        self.error = error

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        if self.error is not None:
            raise self.error
        return torch.full((len(images), 4), float("nan"))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "^batch=64: does not fit"),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"), "^batch=64: does not fit"),
        (None, "^detector=digits: gives features that are not finite"),
        (RuntimeError("shapes do not fit"), "^shapes do not fit"),
    ],
)
def test_faults_of_the_detector(error: RuntimeError | None, message: str, tmp_path: Path) -> None:
    write_npz(tmp_path / "a.npz", PIXELS)
    # What is no want of memory is nobody's mistake but the detector's.
    kind = RuntimeError if "shapes" in message else UserError
    with pytest.raises(kind, match=message):
        make_reference(tmp_path / "a.npz", tmp_path / "ref.npz", options(detector=FaultyDetector(error)))
    assert not (tmp_path / "ref.npz").exists()


class Brightness(Detector):
    """One feature and two classes, dark and bright."""

    name, num_features, num_logits, checksum = "brightness", 1, 2, "b"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1).to(torch.float32).mean(1, keepdim=True)

    def with_logits(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self(images)
        return features, torch.cat([-features, features], dim=1)


def test_a_detector_and_metrics_of_ones_own(tmp_path: Path) -> None:
    write_npz(tmp_path / "data.npz", PIXELS[:80])
    write_npz(tmp_path / "images.npz", PIXELS[80:])
    make_reference(tmp_path / "data.npz", tmp_path / "ref.npz", options(detector=Brightness()))
    chosen = options(detector=Brightness(), metric=["frechet", Widest(), Confidence()])
    result = measure(tmp_path / "images.npz", tmp_path / "ref.npz", chosen)
    bright = PIXELS.reshape(150, -1).astype(np.float64).mean(1)
    expected = frechet_distance(
        bright[80:].mean(keepdims=True),
        bright[80:].var(ddof=1).reshape(1, 1),
        bright[:80].mean(keepdims=True),
        bright[:80].var(ddof=1).reshape(1, 1),
    )
    assert result["metric"] == ["frechet", "widest", "confidence"]
    assert result["metrics"] == {
        "fd_brightness": pytest.approx(expected, rel=1e-4),
        "widest_brightness": pytest.approx(bright[80:].max(), rel=1e-6),
        "confidence": pytest.approx(bright[80:].max(), rel=1e-6),
        "doubt": pytest.approx(-bright[80:].max(), rel=1e-6),
    }
    # One alone need not stand in a list.
    alone = measure(tmp_path / "images.npz", tmp_path / "ref.npz", options(detector=Brightness(), metric=Widest()))
    assert alone["metrics"] == {"widest_brightness": result["metrics"]["widest_brightness"]}
    with pytest.raises(UserError, match=r"^metric=confidence: needs logits, and the detector brightness has none"):
        measure(tmp_path / "images.npz", tmp_path / "ref.npz", options(detector=NoLogits(), metric=[Confidence()]))


class NoLogits(Brightness):
    name, num_logits = "brightness", 0


def test_where_a_reference_may_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_npz(tmp_path / "a.npz", PIXELS)
    dest = tmp_path / "ref.npz"
    pixels = options(detector="pixels")
    make_reference(tmp_path / "a.npz", dest, pixels)
    before = dest.read_bytes()
    # All of these are found before the images are looked at.
    nothing = tmp_path / "none"
    with pytest.raises(UserError, match=r"^dest=.*ref\.npz: is there already; force=True replaces it"):
        make_reference(nothing, dest, pixels)
    with pytest.raises(UserError, match="must be a file name that ends in"):
        make_reference(nothing, tmp_path / "ref", pixels)
    with pytest.raises(UserError, match="its folder cannot be written"):
        make_reference(nothing, tmp_path / "deep" / "ref.npz", pixels)
    (tmp_path / "b.npz").mkdir()
    with pytest.raises(UserError, match="it is a folder"):
        make_reference(nothing, tmp_path / "b.npz", pixels, force=True)
    with pytest.raises(UserError, match=f"^detector: missing; one of {NAMES}"):
        make_reference(tmp_path / "a.npz", tmp_path / "c.npz", options())
    with pytest.raises(UserError, match=r"^data=.*none: no such folder"):
        make_reference(nothing, dest, pixels, force=True)
    assert dest.read_bytes() == before

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", full)
        with pytest.raises(UserError, match=r"^dest=.*: cannot be written: No space left"):
            make_reference(tmp_path / "a.npz", dest, pixels, force=True)
    assert dest.read_bytes() == before
    make_reference(tmp_path / "a.npz", dest, options(detector="pixels", num=149), force=True)
    assert dest.read_bytes() != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz", "ref.npz"]


def test_a_reference_that_names_a_dinov2_of_some_size(tmp_path: Path) -> None:
    """The reference says which size; the option is dinov2 for all of them."""
    write_npz(tmp_path / "a.npz", PIXELS[:4])
    write_dinov2(tmp_path / "dino.pth", width=64, depth=1)
    made = options(detector="dinov2", detector_path=str(tmp_path / "dino.pth"))
    make_reference(tmp_path / "a.npz", tmp_path / "ref.npz", made)
    given = options(detector_path=str(tmp_path / "dino.pth"))
    result = measure(tmp_path / "a.npz", tmp_path / "ref.npz", given)
    assert list(result["metrics"]) == ["fd_dinov2_64"]
    assert result["metrics"]["fd_dinov2_64"] == pytest.approx(0, abs=1e-6)
    assert "--detector dinov2 --detector-path" in result["command"]
