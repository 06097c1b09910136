"""python -m bdia_edm.fid protocols as a user runs it."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bdia_edm.base.options import options_of
from bdia_edm.run.comparing_protocols import Comparing
from bdia_edm.run.protocols import PROTOCOLS
from tests.commands import run_apart
from tests.detector_files import write_inception, write_torchscript
from tests.foreign_images import made_pixels, write_folder, write_npz
from tests.run.protocol_detectors import files
from tests.test_fid import fid

__all__ = ["files"]

PIXELS = made_pixels(12, 3)


def flags(files: dict[str, str]) -> list[str]:
    found = [word for name, value in files.items() for word in (f"--{name.replace('_', '-')}", value)]
    return [*found, "--device", "cpu"]


def test_a_table_or_json_and_the_command_again(files: dict[str, str], tmp_path: Path) -> None:
    images, data = write_folder(tmp_path / "x", PIXELS[:7]), write_npz(tmp_path / "data.npz", PIXELS[7:])
    line = ("protocols", "--images", images, "--ref", data, *flags(files), "--num", 6)
    done = fid(*line)
    assert done.exit_code == 0, done.stderr
    table = [each for each in done.stdout.splitlines() if each.startswith("|")]
    assert len(table) == 2 + len(PROTOCOLS) + 1
    assert "warning: 5 images are too few for 16 features" in done.stderr
    result = json.loads(fid(*line, "--json").stdout)
    assert (result["num_found"], result["compared_with"], result["shape"]) == (7, "edm", [3, 8, 8])
    for row, shown in zip(result["rows"], table[2:], strict=True):
        assert row["fid"] is None or f"| {row['fid']:.4f} |" in shown
    assert f"images {result['checksums']['images'][:12]}" in done.stdout
    assert result["command"] in done.stdout
    again = shlex.split(result["command"])
    assert again[:4] == ["python", "-m", "bdia_edm.fid", "protocols"]
    assert json.loads(fid(*again[3:], "--json").stdout)["rows"] == result["rows"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--num", 1), "--num=1: must be at least 2, and stand there once"),
        (("--num", 5, "--num", 5), "--num=5: must be at least 2, and stand there once"),
        (("--num", 13), "--num=13: --images=IMAGES holds 12 images; take 12 or fewer"),
        (("--nvidia-sha256", "0" * 64), f"--nvidia-sha256={'0' * 64}: is for --nvidia, which is not given"),
        (("--nvidia", "x.pt"), "--nvidia-sha256: missing; a TorchScript file is a program"),
        (("--float-range", "0..1"), "--float-range=0..1: is for floats, and --images=IMAGES are 8-bit"),
        (("--batch", 0), "--batch=0: must be at least 1"),
        (("--ref", "edm"), "and edm: give the data's images once"),
        (("--images", "GREY"), "--images=GREY: are grey, and --ref=IMAGES are RGB; must be of one kind"),
        (("--images", "ONE"), "--images=ONE: holds one image, which has no statistics"),
        (("--images", "FLOATS"), "--float-range: missing; --images=FLOATS holds floats; from black to white: -1..1 or"),
        (("--only-ref", "STATISTICS"), "--ref=STATISTICS: holds statistics and no images; each protocol needs its own"),
        (("--only-ref", "ONE"), "--ref=ONE: holds one image, which has no statistics"),
        (("--only-ref", "none"), "--ref=none: no such folder or file"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(given: tuple[object, ...], message: str, tmp_path: Path) -> None:
    places = {name: tmp_path / f"{name.lower()}.npz" for name in ("IMAGES", "GREY", "ONE", "FLOATS", "STATISTICS")}
    write_npz(places["IMAGES"], PIXELS)
    write_npz(places["GREY"], PIXELS[..., :1])
    write_npz(places["ONE"], PIXELS[:1])
    np.savez(places["FLOATS"], PIXELS / 255)
    np.savez(places["STATISTICS"], mu=np.zeros(4), sigma=np.eye(4))
    words = [str(places.get(str(word), word)) for word in given]
    line = ["--images", str(places["IMAGES"]), "--ref", str(places["IMAGES"]), *words]
    if words[0] == "--only-ref":
        line = [*line[:2], "--ref", words[1]]
    done = fid("protocols", *line, "--weights", "none.pth")
    for name, path in places.items():
        message = message.replace(name, str(path))
    assert done.exit_code == 2
    assert done.stdout == ""
    assert message in done.stderr
    assert done.stderr.startswith("error: --")
    # No bar: no detector has seen an image.
    assert done.stderr.count("\n") == 1


def test_the_help_says_every_option() -> None:
    shown = " ".join(fid("protocols", "--help").stdout.split())
    for found, facts in options_of(Comparing):
        assert f"--{found.name.replace('_', '-')} " in shown
        assert facts.words in shown
    assert all(protocol.name in shown for protocol in PROTOCOLS)


class WideInception(nn.Module):
    """NVIDIA's interface with as many features as the real one."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2048, 3, stride=2)

    def forward(self, img: Tensor, return_features: bool = False) -> Tensor:
        return torch.relu(self.conv(img.to(torch.float32) / 128 - 1)).mean(dim=[2, 3])


@pytest.mark.slow
def test_networks_of_the_real_size(tmp_path: Path) -> None:
    write_inception(tmp_path / "w.pth")
    write_torchscript(tmp_path / "n.pt", WideInception())
    checksum = hashlib.sha256((tmp_path / "n.pt").read_bytes()).hexdigest()
    images, data = write_npz(tmp_path / "x.npz", PIXELS[:3]), write_npz(tmp_path / "data.npz", PIXELS[3:6])
    given = {"weights": str(tmp_path / "w.pth"), "nvidia": str(tmp_path / "n.pt"), "nvidia_sha256": checksum}
    line = ("fid", "protocols", "--images", str(images), "--ref", str(data), *flags(given), "--json")
    done = run_apart(*line, cwd=tmp_path)
    assert done.status == 0, done.err
    rows = {row["protocol"]: row for row in json.loads(done.out)["rows"]}
    assert all(rows[protocol.name]["fid"] > 0 for protocol in PROTOCOLS)
    assert rows["adm"]["fid"] == rows["torch_fidelity"]["fid"]
    assert len({rows[name]["fid"] for name in ("edm", "torch_fidelity", "pytorch_fid", "clean_fid")}) == 4
    assert rows["adm"]["sfid"] > 0
    assert rows["adm"]["inception_score"] >= 1
