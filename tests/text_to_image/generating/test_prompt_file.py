"""Files of prompts: each form to the same list, and what is wrong in one line that says where."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.text_to_image.generating.prompt_file import checksum_of, read_prompts

WANTED = ["a red cat", "a blue, fat dog", "ein Vögelchen"]
COCO = [
    {"image_id": 9, "id": 4, "caption": "ein Vögelchen"},
    {"image_id": 7, "id": 30, "caption": "not the first of its image"},
    {"image_id": 7, "id": 8, "caption": "a blue, fat dog"},
    {"image_id": 2, "id": 99, "caption": " a red  cat\n"},
]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "a red cat\n\n  a blue, fat dog \r\nein Vögelchen"),
        ("a.csv", 'id,Caption,source\n1,a red cat,x\n\n2,"a blue, fat dog",\n3,"ein\nVögelchen",y\n'),
        ("a.csv", "prompt\na red cat\n'\n".replace("'", '"a blue, fat dog"') + "ein Vögelchen\n"),
        ("a.JSON", json.dumps({"info": {}, "images": [], "annotations": COCO})),
        ("a.json", json.dumps({"annotations": [{k: v for k, v in each.items() if k != "id"} for each in COCO[::-1]]})),
    ],
)
def test_every_form_gives_the_same(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    for data in (text.encode(), text.encode("utf-8-sig")):
        path.write_bytes(data)
        assert read_prompts(str(path)) == WANTED


def test_the_checksum_is_of_the_prompts_in_their_order() -> None:
    assert checksum_of(WANTED) == checksum_of(list(WANTED))
    assert len({checksum_of(each) for each in (WANTED, WANTED[::-1], ["ab", "c"], ["a", "bc"])}) == 4


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", None, "no such file; must be a .txt with one prompt a line"),
        ("a.md", b"a cat", "must be a .txt with one prompt a line"),
        ("a.txt", b"\n \n", "holds no prompt"),
        ("a.txt", b"a cat\n\xff\n", "line 2: no UTF-8"),
        ("a.csv", b"name,text\nx,y\n", "line 1: no column prompt or caption; its columns are 'name', 'text'"),
        ("a.csv", b"", "line 1: no column prompt or caption; its columns are none"),
        ("a.csv", b"id,prompt\n1,a cat\n2, \n", "line 3: no prompt; every row must have one"),
        ("a.csv", b"id,prompt\n1,a cat\n2\n", "line 3: no prompt"),
        ("a.csv", b'prompt\n"a cat\n', "line 2: "),
        ("a.json", b'{"annotations": [}', "line 1: Expecting value; must be JSON of COCO captions"),
        ("a.json", b"[" * 100_000, "nested too deep"),
        ("a.json", b"[1]", "has no list 'annotations'"),
        ("a.json", b'{"annotations": [3]}', "annotation 0: its image_id must be a whole number"),
        ("a.json", b'{"annotations": [{"image_id": 1, "id": 1}]}', "annotation 0: its caption must be a text"),
        ("a.json", b'{"annotations": [{"image_id": 1, "id": "x", "caption": "a"}]}', "annotation 0: its id must be"),
    ],
)
def test_mistakes(tmp_path: Path, name: str, data: bytes | None, message: str) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UserError, match=re.escape(f"prompts={path}: {message}")) as caught:
        read_prompts(str(path))
    assert "\n" not in str(caught.value)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a folder; must be"):
        read_prompts(str(tmp_path))
