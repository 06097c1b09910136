"""Commands and configs as HTML."""

from __future__ import annotations

from pathlib import Path

from bdia_edm.report.page.repeating import repeating
from tests.report.page.studies import BLOCKS, edm, gamma, groups_of, study


def test_every_block_has_its_command(tmp_path: Path) -> None:
    config = {"model": {"name": "a<b"}, "inf": float("inf")}
    text = repeating(groups_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5, 0.6, 0.7), config=config)))
    for name, blocks in (("edm", BLOCKS[:1]), ("bdia", BLOCKS)):
        for seeds in blocks:
            assert f"<code>python -m bdia_edm.sample sampler={name} seeds={seeds}</code>" in text
    assert "<summary>bdia, gamma 0.1, 6 steps, NFE 11 (3 blocks of seeds)</summary>" in text
    assert "&quot;name&quot;: &quot;a&lt;b&quot;" in text
    assert "&quot;inf&quot;: &quot;inf&quot;" in text


def test_a_record_without_a_config_has_its_command(tmp_path: Path) -> None:
    folder = study(tmp_path, edm(11, 1.0), config=None)
    path = next(folder.glob("*/record.json"))
    path.write_text(path.read_text().replace('"config": null,', ""))
    text = repeating(groups_of(folder))
    assert "<code>" in text
    assert "Config" not in text
