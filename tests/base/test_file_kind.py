"""Files told by their content, whatever their name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bdia_edm.base.file_kind import kind_of
from tests.detector_files import SmallInception, write_torchscript
from tests.pickle_writer import genuine


def tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"")


def content(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


KINDS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "edm-3": (content(genuine(3)), "pickle", "an EDM pickle"),
    "edm-5": (content(genuine(5)), "pickle", "an EDM pickle"),
    "pickle": (content(pickle.dumps({"a": 1})), "pickle", "not one of EDM's"),
    "safetensors": (lambda path: save_file({"a": torch.zeros(2)}, path), "safetensors", "a network"),
    "npz": (lambda path: np.savez(path.open("wb"), mu=np.zeros(2), b=np.zeros(1)), "npz", "an npz with 'mu', 'b'"),
    "npy": (lambda path: np.save(path.open("wb"), np.zeros(2)), "other", "np.savez"),
    "torch": (lambda path: torch.save({"a": torch.zeros(2)}, path), "torch", "torch.save"),
    "torch-old": (
        lambda path: torch.save({"a": torch.zeros(2)}, path, _use_new_zipfile_serialization=False),
        "torch_before_1.6",
        "torch.save",
    ),
    "torchscript": (lambda path: write_torchscript(path, SmallInception()), "torchscript", "a program"),
    "zip": (zipped, "zip", "a zip of 1 files"),
    "zip-cut": (content(b"PK\x03\x04 and more"), "other", "damaged or cut short"),
    "lfs": (
        content(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
        "lfs",
        "'git lfs pull' in its repository",
    ),
    "html": (content(b"\xef\xbb\xbf\n <!DOCTYPE HTML><title>Sign in</title>"), "html", "an HTML page"),
    "gzip": (content(gzip.compress(genuine())), "other", "packed by gzip; unpack it"),
    "bzip2": (content(bz2.compress(b"a")), "other", "packed by bzip2; unpack it"),
    "xz": (content(lzma.compress(b"a")), "other", "packed by xz; unpack it"),
    "tar": (tar, "other", "a tar archive; unpack it"),
    "png": (content(b"\x89PNG\r\n\x1a\n"), "other", "a PNG image"),
    "text": (content(b"mu: 1\nsigma: 2\n"), "other", 'a text; it begins with "mu: 1\\nsigma: 2\\n"'),
    "noise": (content(b"\x00\x1b[2J\xff"), "other", "of no kind that is known here; it begins with"),
    "empty": (content(b" \n"), "empty", "it is empty"),
    "folder": (Path.mkdir, "missing", "no regular file"),
    "fifo": (os.mkfifo, "missing", "no regular file"),
    "nothing": (lambda path: None, "missing", "no such file"),
}


@pytest.mark.parametrize("what", KINDS)
def test_the_kind_is_that_of_the_content(what: str, tmp_path: Path) -> None:
    make, name, words = KINDS[what]
    for ending in (".pkl", ".npz"):
        path = tmp_path / f"a{ending}"
        make(path)
        found = kind_of(path)
        assert found.name == name
        assert words in found.words
        assert found.words.isprintable()
