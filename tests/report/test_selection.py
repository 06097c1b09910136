"""Options that were chosen on other seeds than those that are reported."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.report.rows import group_records
from bdia_edm.report.selection import Selection, read_selections, write_selection
from bdia_edm.report.tables import to_csv, to_markdown
from tests.report.test_tables import BDIA, record

SELECTION: Selection = {
    "option": "gamma",
    "metric": "fd_digits",
    "seeds": "0-2999",
    "choices": [
        {"value": 0.3, "among": [0.1, 0.3], "choosing": ["low-0", "high-0"], "reporting": ["high-1", "high-2"]},
    ],
}


def study() -> tuple[list[Any], list[Path]]:
    """EDM on blocks 1 and 2; two gammas on block 0, of which the higher one on 1 and 2 too."""
    records, folders = [], []
    for name, gamma, numbers in (("edm", None, (1, 2)), ("low", 0.1, (0,)), ("high", 0.3, (0, 1, 2))):
        columns = None if gamma is None else BDIA | {"gamma": gamma}
        for number in numbers:
            seeds = f"{3000 * number}-{3000 * number + 2999}"
            label = "edm" if gamma is None else "bdia"
            records.append(record(label, 6, 11, 1 - (gamma or 0) + number / 8, columns, seeds=seeds, series=name))
            folders.append(Path(f"{name}-{number}"))
    return records, folders


def test_what_chose_is_no_block_of_what_was_chosen() -> None:
    reported, choosing = group_records(*study(), [SELECTION])
    assert reported.seeds == ("3000-5999", "6000-8999")
    assert [(row.sampler, row.columns.get("gamma")) for row in reported.rows] == [("edm", None), ("bdia", 0.3)]
    assert reported.rows[1].differences["fd_digits"] == pytest.approx(-0.3)
    assert reported.rows[1].chosen == ("gamma", 0.3, 2, "0-2999", "fd_digits")
    assert (choosing.seeds, choosing.is_choice) == (("0-2999",), True)
    assert [row.columns["gamma"] for row in choosing.rows] == [0.1, 0.3]
    # Without it the chosen one's three blocks would be compared with nobody.
    assert [group.seeds for group in group_records(*study())] != [group.seeds for group in (reported, choosing)]


def test_the_table_says_how_it_was_chosen() -> None:
    groups = group_records(*study(), [SELECTION])
    text = to_markdown(groups)
    assert "| bdia | euler | 0.3 (chosen of 2) | 6 | 11 |" in text
    assert "gamma was chosen among 2 values by fd\\_digits on seeds 0-2999" in text.replace("fd_", "fd\\_")
    assert "### digits: 3,000 images (choosing seeds 0-2999)" in text
    assert "best of" not in text
    rows = list(csv.DictReader(io.StringIO(to_csv(groups))))
    assert [(row["gamma"], row["chosen"], row["chosen_among"], row["chosen_on"]) for row in rows[:2]] == [
        ("", "", "", ""),
        ("0.3", "gamma", "2", "0-2999"),
    ]


def test_an_option_without_a_column_is_marked_at_the_name() -> None:
    records, folders = study()
    groups = group_records(records, folders, [SELECTION | {"option": "rho"}])  # type: ignore[list-item]
    assert "| bdia (rho chosen of 2) | euler | 0.3 | 6 |" in to_markdown(groups)


def test_it_is_kept_beside_the_tables(tmp_path: Path) -> None:
    assert read_selections(tmp_path) == []
    other: Any = SELECTION | {"option": "rho"}
    for _ in range(2):
        write_selection(tmp_path, SELECTION)
        write_selection(tmp_path / "comparison-digits-1", other)
    assert read_selections(tmp_path) == [SELECTION, other]
    # Another comparison's stands beside it.
    write_selection(tmp_path, other)
    assert len(read_selections(tmp_path)) == 3


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", json.dumps(SELECTION | {"choices": [{}]}), json.dumps(SELECTION | {"seeds": 3}), "[" * 9999],
)
def test_a_damaged_one_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "selection-0.json"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"^{path}: not a readable selection \(") as raised:
        read_selections(tmp_path)
    assert "\n" not in str(raised.value)
