"""Several choices of the same option beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bdia_edm.report.group import Group
from bdia_edm.report.page.answering import answers_of
from bdia_edm.report.rows import group_records
from bdia_edm.report.selection import Selection
from tests.report.test_tables import BDIA, record

REPORTING = ("3000-5999", "6000-8999")


def choice(value: float, *among: float, seeds: str = "0-2999") -> Selection:
    return {
        "option": "gamma",
        "metric": "fd_digits",
        "seeds": seeds,
        "choices": [{"value": value, "among": [*among], "choosing": [], "reporting": [f"{value}-1", f"{value}-2"]}],
    }


def group_of(*gammas: float, selections: list[Selection]) -> Group:
    """EDM and these gammas on the blocks that report."""
    records: list[Any] = []
    folders = []
    for gamma in (None, *gammas):
        columns = None if gamma is None else BDIA | {"gamma": gamma}
        for number, seeds in enumerate(REPORTING, 1):
            name = "edm" if gamma is None else "bdia"
            records.append(record(name, 6, 11, 1 - (gamma or 0), columns, seeds=seeds, series=str(gamma)))
            folders.append(Path(f"{gamma}-{number}"))
    (group,) = group_records(records, folders, selections)
    return group


def shown(group: Group) -> list[tuple[object, int]]:
    """Of each row but EDM gamma, and among how many it was chosen, 0 where it was not."""
    return [(row.columns["gamma"], row.chosen.among if row.chosen else 0) for row in group.rows[1:]]


def test_a_choice_among_more_values_replaces_that_among_some_of_them() -> None:
    first, second, third = choice(0.5, 0.5, 1), choice(0.1, 0.1, 0.5, 1), choice(0.05, 0.05, 0.1, 0.5, 1)
    for selections in ([first, second, third], [third, first, second]):
        group = group_of(0.5, 0.1, 0.05, selections=selections)
        assert shown(group) == [(0.05, 4)]
        assert group.notes[1] == "Left out: 2 rows of an earlier choice of gamma among fewer values."
        assert not any("best of" in note for note in group.notes)
        ((pick,),) = [standing.picks for (answer,) in [answers_of([group])] for standing in answer.standings]
        assert not pick.is_biased
    # Twice the same value is one row, chosen among the most.
    assert shown(group_of(0.5, selections=[first, choice(0.5, 0.1, 0.5, 1)])) == [(0.5, 3)]


def test_choices_of_which_none_is_among_all_values_are_the_best_of_many() -> None:
    for other in (choice(0.1, 0.1, 0.2), choice(0.1, 0.1, 0.5, 1, seeds="9000-9999")):
        group = group_of(0.5, 0.1, selections=[choice(0.5, 0.5, 1), other])
        assert shown(group) == [(0.1, 0), (0.5, 0)]
        assert group.notes[0].startswith("2 rows are of several choices of gamma, none of them among all values")
        assert any(note.startswith("The best gamma is the best of 2 on the seeds") for note in group.notes)


def test_choices_at_unequal_costs_are_no_rivals() -> None:
    records: list[Any] = [
        record("bdia", 6, nfe, 1.0, BDIA | {"gamma": gamma}, seeds=REPORTING[0])
        for nfe, gamma in ((11, 0.5), (12, 0.1))
    ]
    folders = [Path("0.5-1"), Path("0.1-1")]
    (group,) = group_records(records, folders, [choice(0.5, 0.5, 1), choice(0.1, 0.1, 0.2)])
    assert [row.chosen.among if row.chosen else 0 for row in group.rows] == [2, 2]


def test_of_a_grid_that_is_reported_whole_nothing_is_left_out() -> None:
    selections = [choice(0.5, 0.5, 1), choice(0.1, 0.1, 0.5, 1)]
    assert shown(group_of(0.1, 0.5, 1, selections=selections)) == [(0.1, 3), (0.5, 0), (1, 0)]


def test_what_was_chosen_is_marked_where_it_was_measured_once_more() -> None:
    records: list[Any] = [record("bdia", 6, 11, 1.0, BDIA | {"gamma": 0.5}, seeds="3000-5999")]
    records.append(records[0] | {"metrics": {"fd_digits": 1.0, "kid": 2.0}})
    (group,) = group_records(records, [Path("0.5-1"), Path("other")], [choice(0.5, 0.5, 1)])
    (row,) = group.rows
    assert (row.chosen is not None, set(row.metrics)) == (True, {"fd_digits", "kid"})
