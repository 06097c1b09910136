"""The page in a browser: its tables sort, its slider slides, and no request leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bdia_edm.records.record import read_records
from bdia_edm.report.comparison import write_comparison
from bdia_edm.report.page.page import write_page
from bdia_edm.report.rows import group_records
from tests.browsers import chromium, missing
from tests.report.page.studies import Point, edm, gamma, study

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(missing()), reason=missing() or "it can be started"),
]
NARROW, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
POINTS = [
    edm(11, 1.0),
    edm(17, 0.6, steps=9),
    gamma(0.1, 11, 0.5),
    gamma(0.2, 11, 12.0),
    gamma(0.3, 11, 0.45),
    gamma(0.1, 17, 0.4, steps=9),
    Point("ipndm", 11, [0.4], steps=11),
    Point("long_name " + " ".join(f"option_{number}=value" for number in range(12)), 11, [0.9]),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = study(tmp_path_factory.mktemp("study"), *POINTS, pictures=True)
    # A second model, without a baseline, figures that are missing, and no pictures.
    study(folder / "other", gamma(0.1, 11, 0.5), gamma(0.2, 11, 0.5, noise=0.2), model="other" * 20, keep=False)
    records, folders, left_out = read_records(folder)
    _, plots = write_comparison(records, folder, "table", folders=folders)
    write_page(folder / "report.html", group_records(records, folders), left_out, plots)
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def opened(browser: Any, report: Path) -> Iterator[Any]:
    """Opens the page; in the end nothing was complained about, and nothing but the file was asked for."""
    complaints: list[str] = []
    requests: list[str] = []
    pages: list[Any] = []

    def open_it(**options: Any) -> Any:
        page = browser.new_page(**{"viewport": WIDE, **options})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(report.as_uri())
        pages.append(page)
        return page

    yield open_it
    for page in pages:
        page.close()
    assert complaints == []
    assert {url for url in requests if not url.startswith("data:")} <= {report.as_uri()}


def column(page: Any, table: str, head: str) -> list[str]:
    """A column's cells of the table whose label begins so."""
    return page.evaluate(
        """([label, head]) => {
            const table = document.querySelector(`[aria-label^="${label}"] table`);
            const at = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent === head);
            return [...table.tBodies[0].rows].map((row) => row.cells[at].textContent);
        }""",
        [table, head],
    )


def test_the_verdict_is_on_the_first_screen(opened: Any) -> None:
    page = opened()
    for text in ("BDIA helps against EDM at NFE 11", "A rival is better: IPNDM at NFE 11", "BDIA explodes"):
        box = page.get_by_text(text).first.bounding_box()
        assert box["y"] + box["height"] < WIDE["height"], text


def test_sorting_by_click(opened: Any) -> None:
    page = opened()
    before = column(page, "Table: digits", "gamma")
    assert before[:3] == ["", "", "0.1"]
    head = page.locator('[aria-label^="Table: digits"] th', has_text="fd_digits").first
    assert head.get_attribute("aria-sort") == "none"
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    figures = [float(each) for each in column(page, "Table: digits", "fd_digits")]
    assert figures == sorted(figures)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    # 12.000 is not between 1 and 2, as of texts.
    assert [float(each) for each in column(page, "Table: digits", "fd_digits")] == sorted(figures, reverse=True)


def test_sorting_by_keyboard_with_what_is_blank_last(opened: Any) -> None:
    page = opened()
    heads = page.locator('[aria-label^="Table: digits"] th button')
    heads.filter(has_text="gamma").focus()
    for key, order in (("Enter", "ascending"), ("Space", "descending")):
        page.keyboard.press(key)
        found = column(page, "Table: digits", "gamma")
        told = [float(each) for each in found if each]
        assert told == sorted(told, reverse=order == "descending")
        assert found == [*[each for each in found if each], *[""] * found.count("")]
        assert page.locator('[aria-label^="Table: digits"] th[aria-sort]:not([aria-sort="none"])').count() == 1
    # From head to head by the tabulator, and where one is can be seen.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "steps"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert [int(each) for each in column(page, "Table: digits", "steps")][-1] == 11


def test_texts_sort_as_texts(opened: Any) -> None:
    page = opened()
    page.locator('[aria-label^="Table: digits"] th button', has_text="sampler").click()
    found = [each.split()[0] for each in column(page, "Table: digits", "sampler")]
    assert found == sorted(found)


def test_the_slider_changes_the_picture_and_its_difference(opened: Any) -> None:
    page = opened()
    comparer = page.locator(".comparer").first
    assert comparer.is_visible()
    right, left = comparer.locator(".right img"), comparer.locator(".left img")
    first = right.get_attribute("src")
    assert comparer.locator("output").text_content() == "0.1"
    assert right.evaluate("image => image.complete && image.naturalWidth") > 0
    slider = comparer.get_by_role("slider")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert comparer.locator("output").text_content() == "0.2"
    assert slider.get_attribute("aria-valuetext") == "gamma 0.2"
    assert right.get_attribute("src") != first
    assert "gamma 0.2" in comparer.locator(".right figcaption").text_content()
    assert left.get_attribute("src") != right.get_attribute("src")
    layers = comparer.locator(".blend img")
    assert [layers.nth(k).get_attribute("src") for k in (0, 1)] == [
        left.get_attribute("src"),
        right.get_attribute("src"),
    ]


def test_the_difference_is_one(opened: Any) -> None:
    """Black where both are alike; else the difference, as often as it is said."""
    from io import BytesIO

    import numpy as np
    from PIL import Image

    page = opened()
    comparer = page.locator(".comparer").first

    def shade(where: str) -> float:
        picture = Image.open(BytesIO(comparer.locator(where).screenshot()))
        # Within the upper left image, which covers a quarter by a quarter.
        shown = np.asarray(picture.convert("L"), float)
        return float(shown[4 : shown.shape[0] // 4 - 20, 4 : shown.shape[1] // 4 - 20].mean())

    differ = shade(".right img") - shade(".left img")
    assert differ > 5
    for times in (1, 2, 4):
        comparer.locator(".times").select_option(str(times))
        assert shade(".blend") == pytest.approx(times * differ, rel=0.1)


def test_another_way_has_its_own_stops_and_its_own_baseline(opened: Any) -> None:
    page = opened()
    comparer = page.locator(".comparer").first
    comparer.locator(".which").select_option(label="bdia, gamma 0.1: along steps")
    assert comparer.locator("label .name").text_content() == "steps"
    assert comparer.locator("output").text_content() == "6"
    assert "NFE 11" in comparer.locator(".left figcaption").text_content()
    comparer.get_by_role("slider").press("End")
    assert comparer.locator("output").text_content() == "9"
    assert "NFE 17" in comparer.locator(".left figcaption").text_content()
    comparer.locator(".which").select_option(label="ipndm")
    assert comparer.get_by_role("slider").is_disabled()


def test_a_command_is_copied(opened: Any) -> None:
    page = opened()
    run = page.locator("details.run").nth(2)
    run.locator("summary").first.press("Enter")
    run.get_by_role("button", name="Copy").first.click()
    run.get_by_role("button", name="Copied").or_(run.get_by_role("button", name="Marked")).first.wait_for()
    marked = page.evaluate("getSelection().toString()")
    assert marked in ("", run.locator("code").first.text_content())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(scheme: str, opened: Any) -> None:
    """WCAG's contrast of at least 4.5 between a text and what is behind it."""
    page = opened(color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 3 * 60) == (scheme == "dark")
    poor = page.evaluate(
        """() => {
            const read = (text) => text.match(/[\\d.]+/g).map(Number);
            const light = (colour) => {
                const [r, g, b] = colour.map((each) => {
                    const part = each / 255;
                    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
                });
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const behind = (element) => {
                for (let each = element; each; each = each.parentElement) {
                    const colour = read(getComputedStyle(each).backgroundColor);
                    if (colour.length < 4 || colour[3] > 0) return colour.slice(0, 3);
                }
                return [255, 255, 255];
            };
            const found = [];
            for (const element of document.querySelectorAll("body *")) {
                const own = [...element.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim());
                if (!own || ["SCRIPT", "OPTION", "SELECT", "BUTTON"].includes(element.tagName)) continue;
                const [one, other] = [read(getComputedStyle(element).color).slice(0, 3), behind(element)].map(light);
                const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
                if (contrast < 4.5) found.push(`${element.tagName}.${element.className} ${contrast.toFixed(2)}`);
            }
            return [...new Set(found)];
        }"""
    )
    assert poor == []


def test_a_telephone_scrolls_no_page_sideways(opened: Any) -> None:
    page = opened(viewport=NARROW)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
    # The verdict is read without that, the tables move in boxes of their own.
    assert page.locator('[aria-label="BDIA at each NFE"]').evaluate("each => each.scrollWidth === each.clientWidth")
    box = page.locator('[aria-label^="Table: digits"]')
    assert box.evaluate("each => each.scrollWidth > each.clientWidth")
    box.focus()
    page.keyboard.press("ArrowRight")
    # It scrolls smoothly; the page's policy lets nobody wait for it within the page.
    for _ in range(40):
        if box.evaluate("each => each.scrollLeft"):
            break
        page.wait_for_timeout(50)
    assert box.evaluate("each => each.scrollLeft") > 0


def test_without_a_script_there_is_nothing_to_press(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.get_by_role("slider").count() == 0
    assert page.get_by_role("button").count() == 0
    assert page.get_by_text("BDIA helps against EDM at NFE 11").first.is_visible()
    page.locator(".gallery").locator("..").locator("summary").click()
    assert page.locator(".gallery img").first.is_visible()
    context.close()


def test_in_print_all_is_open_and_nothing_to_press(opened: Any) -> None:
    page = opened()
    page.emulate_media(media="print")
    assert page.get_by_role("slider").count() == 0
    assert page.locator("nav").is_hidden()
    assert page.locator("details.run code").first.is_visible()
    assert page.locator(".config pre").first.is_hidden()
    assert page.get_by_role("button", name="Copy").count() == 0
