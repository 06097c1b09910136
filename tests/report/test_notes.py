"""Lines below a table."""

from __future__ import annotations

from bdia_edm.report.rows import group_records
from bdia_edm.report.tables import to_markdown
from tests.report.test_tables import record


def test_a_published_figure_stands_below_its_table() -> None:
    published = {"fid": 1.79, "recall": 0.6, "sampler": "edm, 18 steps", "source": "a paper"}
    measured = record("edm", 18, 35, 1.8, config={"model": {"published": published}})
    other = to_markdown(group_records([measured]))
    assert "Published" not in other  # the figure is a FID, and this distance is another
    text = to_markdown(group_records([measured | {"metrics": {"fid": 1.8}}]))
    assert text.endswith("| 1.800 |  | 123 |\n\nPublished: 1.79 (edm, 18 steps; a paper).\n")
    both = to_markdown(group_records([measured | {"metrics": {"fid": 1.8, "recall": 0.5}}]))
    assert both.endswith(
        "\n\nPublished fid: 1.79 (edm, 18 steps; a paper).\n\nPublished recall: 0.6 (edm, 18 steps; a paper).\n"
    )


def test_it_is_said_where_rows_come_from_different_code() -> None:
    one, two, three = (record("edm", steps, steps, 1.0) for steps in (4, 6, 8))
    same = {"code": {"source": "a" * 64, "commit": "c" * 40}, "arithmetic": 2}
    assert "different code" not in to_markdown(group_records([one | same, two | same]))
    text = to_markdown(group_records([one | same, two | same, three | {"code": {"source": "b" * 64}}]))
    told = f"2 of source {'a' * 12}, commit {'c' * 12}, arithmetic 2; 1 of source {'b' * 12}"
    assert text.endswith(f"\n\nThese records were made by different code: {told}.\n")
    assert "1 of code that is not known" in to_markdown(group_records([one | same, two]))
    assert "arithmetic 1" in to_markdown(group_records([one | same, two | same | {"arithmetic": 1}]))


def test_the_number_of_the_datas_images_is_said_and_other_ones_are_not_compared() -> None:
    one, other = (record("edm", 6, 11, None, metrics={"recall": 0.5}) for _ in range(2))
    for each in (one, other):
        each["num_reference_features"] = 1797
        each["checksums"] = {**each["checksums"], "reference features": "a"}
    assert "\n\nFigures that look at single images hold them against 1,797 of the data." in to_markdown(
        group_records([one])
    )
    assert len(group_records([one, other])) == 1
    other["checksums"] = {**other["checksums"], "reference features": "b"}
    assert len(group_records([one, other])) == 2
