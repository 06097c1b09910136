"""The pictures as HTML."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

from bdia_edm.report.page.gallery import gallery
from tests.report.page.studies import edm, gamma, groups_of, study


def test_every_stop_has_its_pictures(tmp_path: Path) -> None:
    text = gallery(groups_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5), gamma(0.2, 11, 0.4), pictures=True)))
    (told,) = re.findall('data-tracks="(.*?)"', text)
    (track,) = json.loads(html.unescape(told))
    assert track["along"] == "gamma"
    assert track["stops"] == [["0.1", "picture-0-0", "picture-0-1"], ["0.2", "picture-0-0", "picture-0-2"]]
    for _, *names in track["stops"]:
        assert all(text.count(f'id="{name}"') == 1 for name in names)
    # Nobody sees what does nothing without the script.
    assert re.search(r'<div class="comparer" hidden', text)
    assert 'alt="The first 16 seeds: bdia, gamma 0.1, 6 steps, NFE 11; fd_digits 0.5"' in text


def test_without_pictures_the_reason_is_there(tmp_path: Path) -> None:
    text = gallery(groups_of(study(tmp_path, edm(11, 1.0))))
    assert "1 run has no picture here: no preview.npz beside the record." in text
    assert "comparer" not in text
    assert gallery([]) == ""
