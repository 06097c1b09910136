"""Reference statistics: files that are read, and files that are refused."""

from __future__ import annotations

import hashlib
import os
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.metrics.reference import (
    read_reference,
    reference_detector,
    with_features,
    write_features,
    write_reference,
)
from tests.base.test_file_kind import KINDS
from tests.foreign_images import encrypt_entries
from tests.metrics.test_frechet import distance_from
from tests.metrics.test_statistics import made, statistics_of

STATISTICS = statistics_of(made(300, 4))
MEAN, COVARIANCE = STATISTICS.mean_and_covariance()


def test_round_trip(tmp_path: Path) -> None:
    write_reference(tmp_path / "a.npz", STATISTICS, "digits")
    reference = read_reference(tmp_path / "a.npz", "digits", 4)
    assert np.array_equal(reference.mean, MEAN)
    assert np.array_equal(reference.covariance, COVARIANCE)
    assert abs(distance_from(reference, STATISTICS)) < 1e-9
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    with pytest.raises(UserError, match="made with the detector digits, and this run's is inception"):
        read_reference(tmp_path / "a.npz", "inception", 4)


def test_files_of_edm_and_adm(tmp_path: Path) -> None:
    np.savez(tmp_path / "edm.npz", mu=MEAN, sigma=COVARIANCE)
    np.savez(tmp_path / "adm.npz", mu=MEAN, sigma=COVARIANCE, mu_s=np.zeros(3), sigma_s=np.eye(3), arr_0=np.zeros(2))
    for name in ("edm.npz", "adm.npz"):
        assert abs(distance_from(read_reference(tmp_path / name, "any", 4), STATISTICS)) < 1e-9


def test_a_singular_covariance_is_fine(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mu=MEAN, sigma=np.outer(MEAN, MEAN))
    read_reference(tmp_path / "a.npz", "any", 4)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": MEAN}, "sigma"),
        ({"mu": MEAN[:3], "sigma": COVARIANCE[:3, :3]}, r"mu \(3,\) and sigma \(3, 3\) must be \(4,\) and \(4, 4\)"),
        ({"mu": MEAN, "sigma": np.diag(COVARIANCE)}, r"sigma \(4,\) must be"),
        ({"mu": MEAN * np.nan, "sigma": COVARIANCE}, "must be finite"),
        ({"mu": MEAN, "sigma": COVARIANCE * np.inf}, "must be finite"),
        ({"mu": MEAN, "sigma": COVARIANCE + np.triu(np.ones((4, 4)))}, "must be symmetric"),
        ({"mu": MEAN, "sigma": -COVARIANCE}, "must have no negative variance on its diagonal, it has -"),
        ({"mu": MEAN, "sigma": COVARIANCE - np.eye(4) * 10}, "must have no negative variance on its diagonal"),
        ({"mu": MEAN, "sigma": np.ones((4, 4)) - np.eye(4) / 2}, "positive semi-definite"),
        ({"mu": MEAN, "sigma": COVARIANCE * 1e200}, "sigma must be 1e.100 at most, its largest value is"),
        ({"mu": MEAN, "sigma": np.eye(4) * 1.7e308}, "sigma must be 1e.100 at most, its largest value is 1.7e.308"),
        ({"mu": MEAN * 1e200, "sigma": COVARIANCE}, "mu must be 1e.100 at most"),
        ({"mu": MEAN, "sigma": np.diag([1.0, 1.0, 1.0, -1e-5])}, "no negative variance on its diagonal, it has -1e-05"),
        ({"mu": MEAN, "sigma": np.array([["a"] * 4] * 4)}, "must be an npz with mu and sigma"),
        ({"mu": MEAN, "sigma": np.array([[None] * 4] * 4)}, "must be an npz with mu and sigma"),
    ],
)
def test_what_is_refused(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=message) as error:
        read_reference(tmp_path / "a.npz", "any", 4)
    assert str(error.value).startswith(f"model.reference={tmp_path / 'a.npz'}: ")
    assert "\n" not in str(error.value)


def test_a_reference_names_its_detector(tmp_path: Path) -> None:
    write_reference(tmp_path / "a.npz", STATISTICS, "digits")
    assert reference_detector(tmp_path / "a.npz") == "digits"
    np.savez(tmp_path / "edm.npz", mu=MEAN, sigma=COVARIANCE)
    assert reference_detector(tmp_path / "edm.npz") is None
    with pytest.raises(UserError, match=r"--ref=.*no\.npz: no such file"):
        reference_detector(tmp_path / "no.npz", "--ref")


def test_files_of_other_kinds_are_told_by_their_content(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for make, name, words in KINDS.values():
        if name in ("npz", "missing"):
            continue
        make(path)
        with pytest.raises(UserError, match=r"^--ref=") as caught:
            read_reference(path, "any", 4, "--ref")
        assert "must be an npz with mu and sigma: " in str(caught.value)
        assert words in str(caught.value) or name == "zip"


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def with_header(path: Path, header: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("mu.npy", "sigma.npy"):
            archive.writestr(name, b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)


def test_what_is_no_reference_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    makers: list[Callable[[], object]] = [
        lambda: path.write_bytes(b""),
        lambda: path.write_bytes(b"hello"),
        lambda: path.write_bytes(pickle.dumps(Attack(tmp_path / "ran"))),
        lambda: np.savez(path, mu=MEAN, sigma=np.full((4, 4), Attack(tmp_path / "ran"), dtype=object)),
        lambda: np.savez(path, mu=MEAN, sigma=COVARIANCE, detector=np.array([Attack(tmp_path / "ran")], dtype=object)),
        lambda: np.savez(path, mu=MEAN, sigma=COVARIANCE * 1j),
        lambda: np.savez(path, mu=MEAN, sigma=np.full((4, 4), "1.0")),
        # What np.save writes.
        lambda: path.write_bytes((np.save(tmp_path / "b.npy", MEAN), (tmp_path / "b.npy").read_bytes())[1]),
        lambda: np.savez(path, mu=MEAN, sigma=COVARIANCE, detector=np.array("x" * 300)),
        lambda: np.savez(path, mu=MEAN, sigma=COVARIANCE, detector=np.array(["digits"])),
        lambda: with_header(path, b"((((" * 500),
        lambda: (np.savez(path, mu=MEAN, sigma=COVARIANCE), encrypt_entries(path)),
        lambda: (np.savez(path, mu=MEAN, sigma=COVARIANCE), path.write_bytes(path.read_bytes()[:400])),
    ]
    for make in makers:
        make()
        with pytest.raises(UserError, match="must be an npz with mu and sigma: ") as error:
            read_reference(path, "any", 4, "--ref")
        assert str(error.value).startswith(f"--ref={path}: ")
        assert "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()


def test_a_small_file_of_a_huge_array_takes_no_memory(tmp_path: Path) -> None:
    """The header alone is read; the address space that is left would not hold the array."""
    path = tmp_path / "a.npz"
    with_header(path, b"{'descr': '<f8', 'fortran_order': False, 'shape': (9999999, 9999999)}\n")
    with pytest.raises(UserError, match=r"sigma \(9999999, 9999999\) must be \(4,\) and \(4, 4\)"):
        read_reference(path, "any", 4)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_not_unpacked(method: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, mu=MEAN)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("sigma.npy", bytes(10**6), method)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    with pytest.raises(UserError, match=r"a\.npz: .*sigma\.npy is packed by (bzip2|LZMA); must be stored or deflated"):
        read_reference(path, "any", 4)


def huge_member(path: Path, *, name: str, dtype: str, header: int | None = None) -> None:
    """A good reference, but for a deflated sigma of 64 MB out of 64 kB: 4x4 elements, or a header of that length."""
    size = 2**26
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': (4, 4)}}\n".encode()
    length = len(text) if header is None else header
    np.savez(path, mu=MEAN, **({} if name == "sigma.npy" else {"sigma": COVARIANCE}))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, b"\x93NUMPY\x02\x00" + length.to_bytes(4, "little") + text + bytes(size))


def test_what_is_not_needed_is_not_unpacked(tmp_path: Path) -> None:
    """Neither a long header, nor 16 texts of 4 MB, nor an entry that goes by nearly the same name."""
    path = tmp_path / "a.npz"
    for size in ("a header", "texts", "a namesake"):
        if size == "a header":
            huge_member(path, name="sigma.npy", dtype="<f8", header=2**26)
        elif size == "texts":
            huge_member(path, name="sigma.npy", dtype=f"|S{2**22}")
        else:
            huge_member(path, name="sigma", dtype=f"|S{2**22}")
        assert path.stat().st_size < 2**18
        tracemalloc.start()
        if size == "a namesake":
            assert np.array_equal(read_reference(path, "any", 4).covariance, COVARIANCE)
        else:
            with pytest.raises(UserError, match="must be an npz with mu and sigma: "):
                read_reference(path, "any", 4)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**23, size


def test_a_detectors_name_does_not_speak_to_the_terminal(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", mu=MEAN, sigma=COVARIANCE, detector=np.array("a\nerror: \x1b[31m"))
    with pytest.raises(UserError) as error:
        read_reference(tmp_path / "a.npz", "any", 4)
    assert str(error.value).isprintable()


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_reference(tmp_path / "a.npz", STATISTICS, "digits")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


KEPT = made(50, 4)


def test_features_are_kept_in_the_file_or_in_another(tmp_path: Path) -> None:
    plain, whole, alone = tmp_path / "plain.npz", tmp_path / "whole.npz", tmp_path / "alone.npz"
    write_reference(plain, STATISTICS, "digits")
    write_reference(whole, STATISTICS, "digits", KEPT)
    write_features(alone, KEPT[:30], "digits")
    reference = read_reference(whole, "digits", 4)
    # Nobody asked for them.
    assert reference.num_kept == 0
    with pytest.raises(ValueError, match="features of the data were not asked for"):
        _ = reference.features
    assert with_features(read_reference(plain, "digits", 4), plain, None, "digits").num_kept == 0
    found = with_features(reference, whole, alone, "digits")
    assert np.array_equal(found.features, KEPT)
    assert (found.num_kept, found.checksum, found.features_checksum) == (50, reference.checksum, "")
    found = with_features(read_reference(plain, "digits", 4), plain, alone, "digits")
    assert np.array_equal(found.features, KEPT[:30])
    assert found.features_checksum == hashlib.sha256(alone.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "must keep features, as python -m bdia_edm.fid ref --features does"),
        ({"features": KEPT, "detector": "pixels"}, "made with the detector pixels, and this run's is digits"),
        ({"features": KEPT[:, :3]}, r"its features \(50, 3\) must be \(n, 4\), n from 1 to 1,000,000"),
        ({"features": KEPT[:0]}, r"its features \(0, 4\) must be"),
        ({"features": KEPT[0]}, r"its features \(4,\) must be"),
        ({"features": KEPT.astype(np.float64)}, "its features must be float32, they are float64"),
        ({"features": KEPT * np.float32(np.nan)}, "its features must be finite"),
        ({"features": np.array([[None] * 4])}, "its features must be float32, they are object"),
    ],
)
def test_features_that_are_refused(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    reference = read_reference(reference_file(tmp_path), "digits", 4)
    np.savez(tmp_path / "a.npz", **{"mu": MEAN, **arrays})
    with pytest.raises(UserError, match=message) as error:
        with_features(reference, reference_file(tmp_path), tmp_path / "a.npz", "digits", "--ref", "--ref-features")
    assert str(error.value).startswith(f"--ref-features={tmp_path / 'a.npz'}: ")
    assert "\n" not in str(error.value)


def reference_file(folder: Path) -> Path:
    write_reference(folder / "plain.npz", STATISTICS, "digits")
    return folder / "plain.npz"
