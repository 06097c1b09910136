"""The same images under every protocol: each row is what its detector alone gives, and the differences are theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.inception_inputs import clean_input, tensorflow_input
from bdia_edm.images.float_images import RANGES, rounded, truncated
from bdia_edm.metrics.frechet import frechet_distance
from bdia_edm.metrics.inception_score import adm_inception_score
from bdia_edm.run import rosetta_parts
from bdia_edm.run.comparing_protocols import Comparing
from bdia_edm.run.measured_images import drawn_indices
from bdia_edm.run.measurement import make_reference, measure
from bdia_edm.run.measuring import Measuring
from bdia_edm.run.protocols import PROTOCOLS
from bdia_edm.run.rosetta import compare_protocols
from bdia_edm.run.rosetta_parts import numbers_of_images
from tests.foreign_images import made_pixels, write_npz
from tests.metrics.test_statistics import statistics_of
from tests.run.protocol_detectors import Small, files

__all__ = ["files"]

PIXELS = made_pixels(44, 3)
NAMES = [protocol.name for protocol in PROTOCOLS]


def options(files: dict[str, str], **more: Any) -> Comparing:
    return Comparing(**{**files, "progress": False, "device": "cpu", "say": lambda line: None, **more})


@pytest.fixture
def sets(tmp_path: Path) -> tuple[Path, Path]:
    """24 images, and 20 of data."""
    return write_npz(tmp_path / "x.npz", PIXELS[:24]), write_npz(tmp_path / "data.npz", PIXELS[24:])


def features(pixels: np.ndarray, network: Small) -> np.ndarray:
    with torch.inference_mode():
        return network(torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()


def by_name(result: dict[str, Any], num: int) -> dict[str, dict[str, Any]]:
    return {row["protocol"]: row for row in result["rows"] if row["num_images"] == num and row["protocol"] in NAMES}


def test_every_row_is_what_its_detector_gives(files: dict[str, str], sets: tuple[Path, Path], tmp_path: Path) -> None:
    images, data = sets
    result = compare_protocols(images, data, options(files, num=(24, 18), seed=3, batch=16))
    assert [row["protocol"] for row in result["rows"]] == [*NAMES, *NAMES, "truncated"]
    for protocol in PROTOCOLS:
        for name, figure in ((protocol.detector, "fid"), (protocol.spatial, "sfid")):
            if not name:
                continue
            nvidia = name == "inception_nvidia"
            one = Measuring(
                detector=name,
                detector_path=files["nvidia" if nvidia else "weights"],
                detector_sha256=files["nvidia_sha256"] if nvidia else None,
                progress=False,
                say=lambda line: None,
                device="cpu",
            )
            make_reference(data, tmp_path / f"{name}.npz", one, force=True)
            for num in (24, 18):
                alone = measure(images, tmp_path / f"{name}.npz", Measuring(**{**vars(one), "num": num, "seed": 3}))
                (expected,) = alone["metrics"].values()
                assert by_name(result, num)[protocol.name][figure] == pytest.approx(expected, rel=1e-6)
                if num == 24:
                    assert result["checksums"]["images"] == alone["checksums"]["images"]
                    assert result["checksums"][f"detector {name}"] == alone["checksums"]["detector"]
    assert all(row["num_data"] == 20 for row in result["rows"])
    assert [row["protocol"] for row in result["rows"] if row["sfid"] is not None] == ["adm", "adm"]


def test_differences_and_changes_are_from_the_first(files: dict[str, str], sets: tuple[Path, Path]) -> None:
    without = {"weights": files["weights"], "nvidia": files["nvidia"], "nvidia_sha256": files["nvidia_sha256"]}
    result = compare_protocols(*sets, options(without, num=(24, 18)))
    assert result["compared_with"] == "edm"
    for num in (24, 18):
        rows = by_name(result, num)
        assert rows["edm"]["difference"] is rows["edm"]["feature_change"] is None
        for name in NAMES[1:]:
            assert rows[name]["difference"] == rows[name]["fid"] - rows["edm"]["fid"] != 0
            assert rows[name]["feature_change"] > 0
        # One network and one input.
        assert rows["adm"]["fid"] == rows["torch_fidelity"]["fid"]
        # Enlarged, they differ by the resize alone.
        assert len({rows[name]["fid"] for name in NAMES}) == 4


def test_nvidias_file_may_be_missing(
    files: dict[str, str], sets: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(wanted: object) -> None:
        raise UserError("cannot download it; put the file elsewhere")

    monkeypatch.setattr(rosetta_parts, "fetch_files", refuse)
    result = compare_protocols(*sets, options({"weights": files["weights"]}, num=(18,)))
    rows = by_name(result, 18)
    assert rows["edm"]["missing"] == "NVIDIA's file is not here: cannot download it; put the file elsewhere"
    assert rows["edm"]["fid"] is rows["edm"]["difference"] is None
    assert result["compared_with"] == "torch_fidelity"
    assert rows["torch_fidelity"]["feature_change"] is None
    assert rows["adm"]["difference"] == 0

    # The changes by hand: of the images drawn, the mean of each one's.
    pixels = PIXELS[:24][drawn_indices(24, 18, 0)]
    before, after = (features(pixels, Small(enter, 16).eval()) for enter in (tensorflow_input, clean_input))
    expected = np.mean(np.linalg.norm(after - before, axis=1) / np.linalg.norm(before, axis=1))
    assert rows["clean_fid"]["feature_change"] == pytest.approx(expected, rel=1e-5)


def test_adms_score_is_in_file_order(files: dict[str, str], sets: tuple[Path, Path]) -> None:
    row = by_name(compare_protocols(*sets, options(files, num=(18,))), 18)["adm"]
    pixels = PIXELS[:24][drawn_indices(24, 18, 0)]
    with torch.inference_mode():
        _, logits = Small(tensorflow_input, 16).eval().with_logits(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    assert row["inception_score"] == pytest.approx(adm_inception_score(logits.numpy()), rel=1e-5)
    assert row["inception_score"] > 1


def test_equal_sets_are_at_no_distance(files: dict[str, str], sets: tuple[Path, Path]) -> None:
    rows = by_name(compare_protocols(sets[0], sets[0], options(files)), 24)
    # Of so few images any program's figure would say little; those with a rule of their own say that it isn't kept.
    assert [name for name in NAMES if rows[name]["keeps_rule"]] == ["torch_fidelity"]
    for row in rows.values():
        assert row["fid"] == pytest.approx(0, abs=1e-9)
        assert row["feature_change"] is None or row["feature_change"] > 0 or row["protocol"] == "edm"
    assert rows["adm"]["sfid"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", RANGES)
def test_rounding_and_truncation_of_floats(
    name: str, files: dict[str, str], sets: tuple[Path, Path], tmp_path: Path
) -> None:
    factor, summand = RANGES[name]
    shift = np.random.default_rng(0).uniform(-0.49, 0.49, PIXELS[:24].shape)
    floats = ((PIXELS[:24] + shift - summand) / factor).astype(np.float32)
    np.savez(tmp_path / "floats.npz", floats)
    result = compare_protocols(tmp_path / "floats.npz", sets[1], options(files, float_range=name))
    whole = compare_protocols(*sets, options(files))
    # Rounded, they are the 8-bit images that they were made of.
    assert np.array_equal(rounded(floats, factor, summand), PIXELS[:24])
    for row, other in zip(result["rows"][:-1], whole["rows"][:-1], strict=True):
        assert row["fid"] == other["fid"]
        assert (row["to_uint8"], other["to_uint8"]) == ("rounded", None)
    cut = write_npz(tmp_path / "cut.npz", truncated(floats, factor, summand))
    expected = by_name(compare_protocols(cut, sets[1], options(files)), 24)["edm"]["fid"]
    last = result["rows"][-1]
    assert (last["protocol"], last["to_uint8"]) == ("truncated", "truncated")
    assert last["fid"] == pytest.approx(expected, rel=1e-9)
    assert last["difference"] == last["fid"] - result["rows"][0]["fid"] != 0
    assert 0 < last["feature_change"] < 0.05
    assert whole["rows"][-1]["fid"] is None
    assert whole["rows"][-1]["missing"].startswith("the images are 8-bit already")


def test_statistics_that_the_user_brings(files: dict[str, str], sets: tuple[Path, Path], tmp_path: Path) -> None:
    made = [statistics_of(features(PIXELS[26:], Small(tensorflow_input, num).eval())) for num in (16, 8)]
    (mean, covariance), (mean_s, covariance_s) = (each.mean_and_covariance() for each in made)
    np.savez(tmp_path / "adm.npz", mu=mean, sigma=covariance, mu_s=mean_s, sigma_s=covariance_s)
    np.savez(tmp_path / "edm.npz", mu=mean, sigma=covariance)
    given = {"adm": str(tmp_path / "adm.npz"), "torch_fidelity": str(tmp_path / "edm.npz")}
    result = compare_protocols(*sets, options(files), references=given)
    rows, plain = by_name(result, 24), by_name(compare_protocols(*sets, options(files)), 24)
    ours = statistics_of(features(PIXELS[:24], Small(tensorflow_input, 16).eval())).mean_and_covariance()
    assert rows["adm"]["fid"] == pytest.approx(frechet_distance(*ours, mean, covariance), rel=1e-6)
    assert rows["adm"]["fid"] == rows["torch_fidelity"]["fid"] != plain["adm"]["fid"]
    ours = statistics_of(features(PIXELS[:24], Small(tensorflow_input, 8).eval())).mean_and_covariance()
    assert rows["adm"]["sfid"] == pytest.approx(frechet_distance(*ours, mean_s, covariance_s), rel=1e-6)
    assert rows["adm"]["num_data"] is rows["torch_fidelity"]["num_data"] is None
    for name in ("edm", "pytorch_fid", "clean_fid"):
        assert rows[name]["fid"] == plain[name]["fid"]
        assert rows[name]["num_data"] == 20
    assert len(result["checksums"]["reference adm"]) == 64
    # A file without sFID's leaves no sFID, rather than that of other data.
    result = compare_protocols(*sets, options(files), references={"adm": str(tmp_path / "edm.npz")})
    assert by_name(result, 24)["adm"]["sfid"] is None


def test_how_many_images_a_protocol_takes() -> None:
    all_of = {"torch_fidelity", "adm", "pytorch_fid"}
    for found, blocks in ((60_000, 2), (50_000, 2), (10_001, 2), (10_000, 1), (2, 1)):
        numbers = numbers_of_images(found, Comparing(), "images")
        assert len(numbers) == blocks
        assert numbers[0] == {name: found if name in all_of else min(found, 50_000) for name in NAMES}
        assert numbers[1:] == [dict.fromkeys(NAMES, 10_000)] * (blocks - 1)
    chosen = numbers_of_images(60_000, Comparing(num=(50_000, 500)), "images")
    assert chosen == [dict.fromkeys(NAMES, 50_000), dict.fromkeys(NAMES, 500)]


def test_a_detector_of_another_length_is_no_inception(
    files: dict[str, str], sets: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Small, "forward", lambda self, images: torch.ones(len(images), 3))
    with pytest.raises(UserError, match=r"^nvidia: gives 16 features, and inception 3; must be the same network"):
        compare_protocols(*sets, options(files))
