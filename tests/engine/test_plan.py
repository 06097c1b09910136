"""Seeds and blocks."""

from __future__ import annotations

import tracemalloc

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.engine.plan import cut_into_blocks, format_seeds, parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("0-4", [0, 1, 2, 3, 4]),
        ("7", [7]),
        (7, [7]),
        ("5,0-2,9", [5, 0, 1, 2, 9]),
        (" 1 - 2 , 4 ", [1, 2, 4]),
        (["0-1", 5], [0, 1, 5]),
        ("4294967295", [2**32 - 1]),
    ],
)
def test_seeds(text: object, seeds: list[int]) -> None:
    assert list(parse_seeds(text)) == seeds
    assert list(parse_seeds(format_seeds(seeds))) == seeds


def test_shortest_text() -> None:
    assert format_seeds([3, 4, 5, 9, 10, 1]) == "3-5,9-10,1"
    assert format_seeds([]) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty entry is no seed"),
        (None, "None is no seed"),
        ([], "an empty entry is no seed"),
        ("1,,2", "an empty entry is no seed"),
        ("5-3", "the range 5-3 is reversed"),
        ("0-10,10-20", "the entries overlap"),
        ("1,1", "the entries overlap"),
        ("-5", "-5 is no seed"),
        ("a", "a is no seed"),
        ("1.5", "1.5 is no seed"),
        ("4294967296", "4294967296 is too large"),
        ("two\nlines", "is no seed"),
        ("1,\x1b[31m", "is no seed"),
    ],
)
def test_mistakes(text: object, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        parse_seeds(text)
    assert str(error.value).startswith("seeds=")
    assert str(error.value).isprintable()
    assert "seeds are numbers and ranges such as 0-4999" in str(error.value)


@pytest.mark.parametrize("size", [1, 3, 5, 10, 11])
def test_blocks_are_the_seeds_in_order(size: int) -> None:
    seeds = list(range(100, 110))
    blocks = cut_into_blocks(seeds, size)
    assert [seed for block in blocks for seed in block.seeds] == seeds
    assert [block.index for block in blocks] == list(range(len(blocks)))
    assert all(block.seeds[0] == seeds[block.start] and len(block.seeds) <= size for block in blocks)


def test_four_billion_seeds_take_no_memory() -> None:
    tracemalloc.start()
    seeds = parse_seeds("5,4294967295,100-4294967000")
    blocks = cut_into_blocks(seeds, 1_000_000)
    assert format_seeds(seeds) == "5,4294967295,100-4294967000"
    assert (len(seeds), len(blocks), sum(block.num for block in blocks)) == (4294966903, 4295, 4294966903)
    assert list(blocks[0].seeds[:4]) == [5, 2**32 - 1, 100, 101]
    assert (blocks[-1].seeds[-1], blocks[3].start, blocks[3].seeds[0]) == (4294967000, 3_000_000, 3_000_098)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 5_000_000


@pytest.mark.parametrize("text", ["0-9", "7,0-3,12,20-30,5", "3"])
def test_seeds_are_a_sequence_as_a_list_is(text: str) -> None:
    seeds, listed = parse_seeds(text), list(parse_seeds(text))
    assert len(seeds) == len(listed)
    for start in range(-len(listed), len(listed) + 2):
        for stop in range(len(listed) + 2):
            assert list(seeds[start:stop]) == listed[start:stop]
    assert list(seeds[::-2]) == listed[::-2]
    assert [seeds[at] for at in range(-len(listed), len(listed))] == listed * 2
    with pytest.raises(IndexError):
        seeds[len(listed)]
    assert seeds == parse_seeds(listed)
