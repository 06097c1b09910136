"""The page as a file: all of it there without a script, nothing of a record's in charge, the same bytes again."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.parse
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.records.record import read_records
from bdia_edm.report.page import page
from bdia_edm.report.page.page import to_page, write_page
from bdia_edm.report.rows import group_records
from bdia_edm.report.tables import to_csv
from tests.report.page.studies import Point, edm, gamma, groups_of, study

SVG = '<svg xmlns="http://www.w3.org/2000/svg" height="72pt" width="144pt"><script>alert(1)</script></svg>'
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>'\"--><!--\u202e\ud800"


class Reader(HTMLParser):
    """The elements with their attributes, the headings' levels and the text outside of style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "link", "img", "input", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.text.append(data)

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def written(folder: Path, **options: object) -> str:
    records, folders, left_out = read_records(folder)
    write_page(folder / "report.html", group_records(records, folders), left_out, **options)  # type: ignore[arg-type]
    return (folder / "report.html").read_text()


def some_study(tmp_path: Path) -> Path:
    points = [edm(11, 1.0), gamma(0.1, 11, 0.5), gamma(0.2, 11, 1.5), Point("ipndm", 11, [0.4], steps=11)]
    return study(tmp_path, *points, pictures=True)


def test_everything_is_there_without_a_script(tmp_path: Path) -> None:
    (tmp_path / "table.svg").write_text(SVG)
    read = Reader(written(some_study(tmp_path), plots=[tmp_path / "table.svg"]))
    text = " ".join("".join(read.text).split())
    assert "BDIA helps against EDM at NFE 11." in text
    assert "A rival is better: IPNDM at NFE 11, −0.100 (" in text
    assert "python -m bdia_edm.sample sampler=ipndm seeds=0-2999" in text
    assert "yes, better" in text
    assert [each["width"] for each in read.of("img") if "svg" in each.get("src", "")] == ["192"]
    # One of EDM, three of the others; what the slider shows is filled by the script.
    assert len([each for each in read.of("img") if each.get("src", "").startswith("data:image/png")]) == 4
    assert read.of("html") == [{"lang": "en"}]
    levels = [int(name[1]) for name, _ in read.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    names = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(names) == len(set(names))
    for each in read.of("label"):
        assert each["for"] in names
    for each in read.of("a"):
        assert each["href"].startswith("data:text/csv") or each["href"][1:] in names
    assert all("alt" in each for each in read.of("img"))


def test_no_address_but_within_the_file(tmp_path: Path) -> None:
    read = Reader(written(some_study(tmp_path)))
    for name, attributes in read.elements:
        assert "style" not in attributes, name
        assert not any(key.startswith("on") for key in attributes), name
        for key in ("href", "src", "srcset", "action", "data", "poster"):
            assert attributes.get(key, "#").startswith(("#", "data:")), (name, attributes)
    assert not re.search(r"@import|url\(", "".join(each for each in written(tmp_path).split("<style>")[1:]))


def test_the_policy_lets_this_style_and_this_script_alone_in(tmp_path: Path) -> None:
    text = written(some_study(tmp_path))
    (policy,) = (
        each["content"] for each in Reader(text).of("meta") if each.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for name in ("style", "script"):
        (content,) = re.findall(f"<{name}>(.*?)</{name}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[f"{name}-src"] == f"'sha256-{digest}'"


def test_a_record_can_break_out_of_nothing(tmp_path: Path) -> None:
    """Every text of a record that the page shows is hostile."""
    clean, dirty = some_study(tmp_path / "clean"), some_study(tmp_path / "dirty")
    for path in dirty.glob("*/record.json"):
        content = json.loads(path.read_text())
        labels = content["labels"]
        labels["sampler"] += HOSTILE
        labels["title"] += HOSTILE
        labels["columns"] = {f"{name}{HOSTILE}": value for name, value in labels["columns"].items()}
        labels["columns"][f"text{HOSTILE}"] = HOSTILE
        content |= {"model": HOSTILE, "seeds": f"{content['seeds']}{HOSTILE}", "command": HOSTILE}
        content |= {"metrics": {f"{HOSTILE}{name}": value for name, value in content["metrics"].items()}}
        content |= {"config": {HOSTILE: [HOSTILE]}, "versions": {HOSTILE: HOSTILE}, "code": {"source": HOSTILE}}
        content["device"] = {"type": "cpu", "name": HOSTILE}
        path.write_text(json.dumps(content))
    (dirty / f"{HOSTILE[:-1].replace('/', '')}.svg").write_text(SVG)
    kinds = {
        name: [
            (tag, sorted(attributes))
            for tag, attributes in Reader(written(folder, plots=[*folder.glob("*.svg")])).elements
            if tag in ("script", "style", "iframe", "object", "embed", "form", "base", "link", "svg")
        ]
        for name, folder in (("clean", clean), ("dirty", dirty))
    }
    assert kinds["dirty"] == kinds["clean"]
    text = (dirty / "report.html").read_text()
    read = Reader(text)
    assert not any(key.startswith("on") for _, attributes in read.elements for key in attributes)
    assert text.count("<script>") == text.count("</script>") == 1
    assert "alert(1)" in "".join(read.text)
    assert "\u202e" not in text


def test_the_same_records_give_the_same_bytes(tmp_path: Path) -> None:
    first = written(some_study(tmp_path / "a"))
    assert first == written(some_study(tmp_path / "b"))
    assert str(tmp_path) not in first


def test_the_table_can_be_had_as_csv(tmp_path: Path) -> None:
    read = Reader(written(some_study(tmp_path)))
    (link,) = (each for each in read.of("a") if "download" in each)
    assert urllib.parse.unquote(link["href"].partition(",")[2]) == to_csv(groups_of(tmp_path))


def test_many_answers_begin_with_a_list_of_them(tmp_path: Path) -> None:
    for model in ("a", "b", "c"):
        study(tmp_path / model, edm(11, 1.0), gamma(0.1, 11, 0.5), model=model)
    text = to_page(groups_of(tmp_path))
    assert re.findall('href="#answer-([0-9]+)"', text) == ["0", "1", "2"]
    assert text.count("BDIA helps against EDM at NFE 11.") == 6
    assert "glance" not in to_page(groups_of(tmp_path / "a")).partition("<body>")[2].partition("<script>")[0]


def test_where_a_block_chose_the_page_says_which_figures_are_whose(tmp_path: Path) -> None:
    points = [edm(11, 1.0, 1.0, 1.0), gamma(0.1, 11, 0.2, 0.9, 0.95), gamma(0.2, 11, 0.5, 0.5, 0.5)]
    groups = groups_of(study(tmp_path / "a", *points))
    assert any("compare select=gamma" in note for note in groups[0].notes)
    text = to_page(groups)
    assert "compare select=" not in text
    assert "chosen on 0-2999 and reported on 3000-5999; 6000-8999" in text
    biased = [point._replace(distances=point.distances[:1]) for point in points]
    assert "compare select=gamma" in to_page(groups_of(study(tmp_path / "b", *biased)))


def test_one_minus_sign_and_none_before_nothing(tmp_path: Path) -> None:
    text = to_page(groups_of(study(tmp_path, edm(11, 1.0), gamma(0.1, 11, 0.5), gamma(0.0, 11, 1.0, noise=0.1))))
    table = text.partition('id="tables"')[2].partition("</table>")[0]
    figures = re.findall(r'<td class="n">(.*?)</td>', table)
    assert any(each.startswith("−0.500 ±") for each in figures)
    assert not any(each.startswith(("-", "−0.000 ", "+0.000 ")) for each in figures)


def test_what_is_left_out_and_what_was_not_measured_is_said(tmp_path: Path) -> None:
    study(tmp_path, edm(11, 1.0), metrics={}, keep=False)
    (tmp_path / "table.svg").write_text(SVG)
    text = to_page(groups_of(tmp_path), ["x<y"])
    assert "Nothing was measured here, so nothing can be said." in text
    assert "Left out: x&lt;y" in text
    assert "nothing measured" in text


def test_a_plot_that_is_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table.svg").write_text(SVG)
    monkeypatch.setattr(page, "_LARGEST_PLOT", 10)
    assert "table.svg is too large for this page." in to_page([], plots=[tmp_path / "table.svg"])


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"report.html: cannot be written \(Not a directory\)$"):
        write_page(tmp_path / "file" / "report.html", [])
    with pytest.raises(UserError, match=r"no\.svg: not readable \(No such file or directory\)$"):
        write_page(tmp_path / "report.html", [], plots=[tmp_path / "no.svg"])
