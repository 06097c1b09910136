"""Which options a figure can be drawn against."""

from __future__ import annotations

from bdia_edm.report.numeric_columns import families, numeric_columns
from bdia_edm.report.rows import group_records
from tests.report.test_tables import record


def test_numbers_that_differ_are_found_whatever_they_are_called() -> None:
    columns = [
        {"share": 1, "kind": "a", "same": 3, "flag": True},
        {"share": 0.5, "kind": "b", "same": 3, "flag": False},
        {"share": None, "kind": "a", "other": 2, "flag": True},
        {"share": "many", "kind": "a", "flag": True},
    ]
    (group,) = group_records([record("mine", 6, 11, 1.0, each) for each in columns])
    assert numeric_columns(group.rows) == ["share"]
    # One number alone is no family.
    assert families(group.rows) == []


def test_a_family_differs_in_its_column_and_its_steps() -> None:
    records = [record("edm", steps, 2 * steps, 1.0, {"share": steps}) for steps in (4, 6)]
    records += [
        record("mine", steps, 2 * steps, 1.0, {"share": share, "kind": kind})
        for steps in (4, 6)
        for share in (0.5, 0.1, 2)
        for kind in ("a", "b")
    ]
    (group,) = group_records(records)
    found = families(group.rows)
    assert [(family.column, family.sampler, family.others) for family in found] == [
        ("share", "mine", {"kind": "a"}),
        ("share", "mine", {"kind": "b"}),
    ]
    assert all(len(family.rows) == 6 and family.values() == [0.1, 0.5, 2.0] for family in found)
