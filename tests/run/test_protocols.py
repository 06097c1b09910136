"""The protocols' list, and what the user gives for the data."""

from __future__ import annotations

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.detectors.registry import DETECTORS
from bdia_edm.run.protocols import NVIDIA, PROTOCOLS, split_references


def test_every_protocols_detector_is_one() -> None:
    names = [protocol.name for protocol in PROTOCOLS]
    assert len(set(names)) == len(names)
    for protocol in PROTOCOLS:
        assert protocol.detector in DETECTORS
        assert not protocol.spatial or protocol.spatial in DETECTORS
        assert protocol.most is None or protocol.least <= protocol.most
    # The one with a file of its own.
    assert [name for name in DETECTORS.names() if DETECTORS[name].needs_sha256] == [NVIDIA]


def test_how_many_images_keep_a_rule() -> None:
    found = {num: [protocol.name for protocol in PROTOCOLS if protocol.takes(num)] for num in (2, 10_000, 50_000)}
    assert found == {
        2: ["torch_fidelity"],
        10_000: ["torch_fidelity", "pytorch_fid"],
        50_000: [protocol.name for protocol in PROTOCOLS],
    }
    # EDM's is of exactly 50,000, and so is clean-fid's.
    assert [protocol.name for protocol in PROTOCOLS if not protocol.takes(60_000)] == ["edm", "clean_fid"]


def test_the_data_and_files_by_protocol() -> None:
    assert split_references(["data"]) == ("data", {})
    given = ["adm=a.npz", "data=1/images", "edm=https://x/y=z.npz"]
    assert split_references(given) == ("data=1/images", {"adm": "a.npz", "edm": "https://x/y=z.npz"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["edm=a.npz"], r"^ref: give the data's images once .* NAME one of edm, torch_fidelity, adm, pytorch_fid, cl"),
        (["a", "edn=b.npz"], r"^ref=a and edn=b.npz: give the data's images once"),
        (["a", "edm=b", "edm=c"], r"^ref=edm=c: edm has a file already, b"),
    ],
)
def test_what_is_refused(given: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        split_references(given)
