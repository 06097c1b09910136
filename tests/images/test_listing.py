"""Which files are images."""

from __future__ import annotations

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.images.image_file import EXTENSIONS
from bdia_edm.images.listing import is_hidden, sort_names


def test_every_name_is_sorted_out() -> None:
    images = [f"a{ending}" for ending in EXTENSIONS] + ["b/X.PNG"]
    arrays = ["0.npz", "a/0.NPZ"]
    said: list[str] = []
    found = sort_names([*arrays, "labels.csv", ".x/y.gif", ".x/z.gif", *images], "data=x", said.append)
    assert (sorted(found[0]), found[1]) == (sorted(images), arrays)
    assert said == ["data=x: no images, skipped: .x, labels.csv"]


def test_the_order_is_by_parts() -> None:
    names = ["a/1.png", "a/b/c.png", "a/b.png", "a-b.png"]
    assert sort_names(names[::-1], "x", print)[0] == names


def test_what_is_no_image_and_no_text_is_named() -> None:
    names = [f"{number}.tif" for number in range(6)]
    with pytest.raises(UserError, match=r"^data=x: 0\.tif, 1\.tif, 2\.tif, 3\.tif and 2 more: not read here; convert"):
        sort_names(["a.png", *names], "data=x", print)


def test_hidden() -> None:
    assert [name for name in ("._a.png", ".git", "__MACOSX", "a.b", "MACOSX") if is_hidden(name)] == [
        "._a.png",
        ".git",
        "__MACOSX",
    ]
