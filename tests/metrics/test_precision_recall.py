"""Precision, recall, density and coverage: equal counts with the reference, ties included."""

from __future__ import annotations

import numpy as np
import pytest

from bdia_edm.metrics import precision_recall
from bdia_edm.metrics.precision_recall import PrecisionRecall, density_and_coverage, precision_and_recall
from tests.metrics.metric_references import DIGITS, PAIRS, figures, pair

NAMES = ("precision", "recall", "density", "coverage")


def measured(x: np.ndarray, y: np.ndarray, k: int, closed: bool) -> dict[str, float]:
    values = (*precision_and_recall(x, y, k, closed), *density_and_coverage(x, y, k, closed))
    return dict(zip(NAMES, values, strict=True))


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("closed", [True, False])
def test_equal_counts(name: str, k: int, closed: bool) -> None:
    x, y, values = pair(name)
    # Counts over 600, 500 or 3,000: what is not equal is 3e-4 apart.
    assert measured(x, y, k, closed) == pytest.approx(values["prdc"][f"k{k}"][f"{'closed' if closed else 'open'}_ball"])


@pytest.mark.parametrize("name", [name for name in PAIRS if name != "duplicates"])
def test_public_code(name: str) -> None:
    """Of copies torch-fidelity and prdc lose or gain some by rounding, or by another ball."""
    x, y, values = pair(name)
    found = figures(PrecisionRecall(), x, y)
    fidelity, prdc = values["prdc"]["k3"]["torch_fidelity"]["float64"], values["prdc"]["k5"]["prdc"]["float64"]
    assert (found["precision"], found["recall"]) == pytest.approx((fidelity["precision"], fidelity["recall"]), rel=1e-6)
    assert (found["density"], found["coverage"]) == pytest.approx((prdc["density"], prdc["coverage"]))


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, _ = pair("duplicates")
    whole = measured(x, y, 3, True)
    monkeypatch.setattr(precision_recall, "_PAIRS", 7 * 500)
    monkeypatch.setattr(precision_recall, "_NUMBERS", 100)
    assert measured(x, y, 3, True) == whole


def test_ties_far_from_zero() -> None:
    """On a grid most distances are ties; its step is lost in products of numbers of this size."""
    x = np.stack(np.meshgrid(*[np.arange(6)] * 3), -1).reshape(-1, 3) + 2.0**20 * np.array([1, 3, 5])
    found = measured(x, x, 3, True)
    # Of a cube's 216 points each has 3 neighbours at 1 or more: closed balls hold these, open ones the middle alone.
    neighbours = [((np.abs(x - one).sum(axis=1) <= 1).sum()) for one in x]
    assert found == {"precision": 1, "recall": 1, "density": np.mean(neighbours) / 3, "coverage": 1}
    assert measured(x, x, 3, False)["density"] == pytest.approx(1 / 3)


def test_one_image_many_times() -> None:
    random = np.random.default_rng(0)
    y = random.standard_normal((300, 5)).astype(np.float32)
    found = measured(np.repeat(y[:1], 200, axis=0), y, 3, True)
    # All lie in the data, and cover one row of it.
    assert (found["precision"], found["recall"]) == (1, 1 / 300)
    # Balls of no size hold their own centre, and as open ones nothing.
    collapsed = np.zeros((50, 5))
    assert measured(collapsed, collapsed, 3, True) == {"precision": 1, "recall": 1, "density": 50 / 3, "coverage": 1}
    assert measured(collapsed, collapsed, 3, False) == dict.fromkeys(NAMES, 0.0)


def test_the_metric_names_its_detector() -> None:
    x, y, _ = pair("shifted")
    assert list(figures(PrecisionRecall(), x, y)) == list(NAMES)
    assert list(figures(PrecisionRecall(), x, y, DIGITS)) == [f"{name}_digits" for name in NAMES]


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="5 images and 9 of the data: more than 5 of each are needed"):
        density_and_coverage(np.zeros((5, 2)), np.zeros((9, 2)))
    with pytest.raises(ValueError, match="must be of the same length"):
        precision_and_recall(np.zeros((9, 2)), np.zeros((9, 3)))
