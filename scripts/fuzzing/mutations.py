"""Ways to damage a small good input: blindly, or by its own structure, so that what lies behind the checks is reached.

Everything depends on the generator that is given alone: the same seed, the same damage.
"""

from __future__ import annotations

import json
import math
import pickletools
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache
from io import BytesIO
from random import Random
from typing import Any

__all__ = [
    "TEXTS",
    "damage_bytes",
    "damage_json",
    "damage_npy",
    "damage_pickle",
    "damage_png",
    "damage_safetensors",
    "damage_text",
    "damage_zip",
]

_MOST_BYTES = 1 << 20
_EDGES = (0, 1, 2, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
_DEEP, _DIGITS = "@deep@", "@digits@"
_DEPTHS = (50, 1_000, 100_000)
_NUMBERS: tuple[Any, ...] = (0, -1, 1.5, 1e308, -1e-320, float("nan"), float("inf"), 2**31, 2**63, 10**30, _DIGITS)
TEXTS = (
    "",
    "\x1b[31mred\x1b[0m",
    "two\nlines",
    "a$x^",
    "=cmd|' /C calc'!A0",
    "../x",
    "²³",
    "\u202eabc",
    "é",
    "x" * 5000,
)
"""What a name or a value may be that breaks a table, a path or a terminal."""
_VALUES: tuple[Any, ...] = (*_NUMBERS, *TEXTS, "\ud800", True, False, None, [], {}, [[]], [1, 2], {"a": 1}, _DEEP)


def damage_bytes(data: bytes, random: Random) -> bytes:
    """One to four blind changes; at most a megabyte comes out of it where no more went in."""
    for _ in range(random.choice((1, 1, 2, 4))):
        data = random.choice(_BLIND)(data, random)[: max(_MOST_BYTES, len(data))]
    return data


def _flip(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 3, 20))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _piece(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.choice((1, 4, 30, 300, 3000)))


def _drop(data: bytes, random: Random) -> bytes:
    start, end = _piece(data, random)
    return data[:start] + data[end:]


def _splice(data: bytes, random: Random) -> bytes:
    start, end = _piece(data, random)
    place = random.randrange(len(data) + 1)
    return data[:place] + data[start:end] + data[place:]


def _repeat(data: bytes, random: Random) -> bytes:
    start, end = _piece(data, random)
    return data[:start] + _times(data[start:end], random.choice((2, 10, 1000, 100_000))) + data[end:]


def _times(data: bytes, num: int) -> bytes:
    return data * min(num, 1 + _MOST_BYTES // max(1, len(data)))


def _number(data: bytes, random: Random) -> bytes:
    """Writes a number where a length might be."""
    size = random.choice((1, 2, 4, 8))
    number = (random.choice(_EDGES) % 256**size).to_bytes(size, random.choice(("little", "big")))
    # Most formats say their lengths at the start or at the end.
    start = random.choice((random.randrange(len(data) + 1), random.randrange(64), len(data) - random.randrange(64)))
    start = max(0, min(start, len(data)))
    return data[:start] + number + data[start + size :]


_BLIND: tuple[Callable[[bytes, Random], bytes], ...] = (_flip, _cut, _drop, _splice, _repeat, _number)


def damage_text(text: str, words: Sequence[str], random: Random) -> bytes:
    """Tokens of the text dropped, repeated, exchanged for each other or for one of ``words``; or blindly damaged."""
    if random.random() < 0.15:
        return damage_bytes(text.encode("utf-8", "surrogatepass"), random)
    tokens = re.findall(r"\w+|\s+|[^\w\s]", text) or [""]
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(tokens))
        tokens[at] = random.choice(("", tokens[at] * 2, random.choice(tokens), _word(words, random)))
    encoding = random.choice(("utf-8",) * 8 + ("utf-16", "latin-1"))
    return "".join(tokens).encode(encoding, "ignore")


def _word(words: Sequence[str], random: Random) -> str:
    word = random.choice((*words, *TEXTS, "9" * 5000, _DEEP))
    return _nested(random) if word == _DEEP else word


def _nested(random: Random) -> str:
    depth = random.choice(_DEPTHS)
    start, end = random.choice((("[", "]"), ('{"a":', "}"), ("[", "")))
    return start * depth + ("0" if start.startswith("{") else "") + end * depth


def damage_json(value: Any, random: Random) -> bytes:
    """The JSON of a value with one to three nodes exchanged, dropped, renamed or given twice."""
    value = json.loads(json.dumps(value))
    for _ in range(random.choice((1, 1, 2, 3))):
        nodes = list(_nodes(value))
        if not nodes:
            break
        owner, key = random.choice(nodes)
        deed = random.randrange(8)
        if deed == 0:
            del owner[key]
        elif deed == 1 and isinstance(owner, dict):
            owner[random.choice(TEXTS)] = owner.pop(key)
        elif deed == 2:
            other, other_key = random.choice(nodes)
            owner[key] = deepcopy(other[other_key])
        else:
            owner[key] = deepcopy(random.choice(_VALUES))
    text = json.dumps(value, indent=random.choice((None, 2)), ensure_ascii=random.random() < 0.7)
    text = text.replace(f'"{_DIGITS}"', "9" * 5000).replace(f'"{_DEEP}"', _nested(random), 1)
    if random.random() < 0.1:
        text = text.replace(",", f",{text[1:-1]},", 1)  # every key twice
    data = text.encode("utf-8", "surrogatepass")
    return damage_bytes(data, random) if random.random() < 0.1 else data


def _nodes(value: Any) -> Any:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _nodes(value[key])


def damage_safetensors(data: bytes, random: Random) -> bytes:
    """Its header's JSON damaged, the JSON that the metadata holds as text, or what the header says of one array.

    Or blindly.
    """
    if random.random() < 0.2:
        return damage_bytes(data, random)
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    if random.random() < 0.2:
        _reinterpret(header, random)
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data[8 + length :]
    metadata = header.get("__metadata__", {})
    texts = [name for name, text in sorted(metadata.items()) if text.startswith("{")]
    if texts and random.random() < 0.6:
        name = random.choice(texts)
        metadata[name] = damage_json(json.loads(metadata[name]), random).decode("utf-8", "replace")
        text = json.dumps(header).encode()
    else:
        text = damage_json(header, random)
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def _reinterpret(header: dict[str, Any], random: Random) -> None:
    """Another array that the same bytes can be: what lies behind the format's own checks."""
    array = header[random.choice(sorted(header.keys() - {"__metadata__"}))]
    shape = array["shape"]
    match random.randrange(4):
        case 0:
            random.shuffle(shape)
        case 1:
            array["shape"] = [math.prod(shape)]
        case 2:
            shape.insert(random.randrange(len(shape) + 1), 1)
        case _:
            twins = (("F64", "I64"), ("F32", "I32"), ("F16", "BF16"), ("U8", "I8"), ("U8", "BOOL"))
            array["dtype"] = next((b for a, b in random.sample(twins, 5) if a == array["dtype"]), "U64")


def damage_pickle(data: bytes, random: Random) -> bytes:
    """Opcodes dropped, repeated, exchanged for each other, or their arguments damaged; or blindly."""
    if random.random() < 0.15:
        return damage_bytes(data, random)
    places = [*_places(data), len(data)]
    for _ in range(random.choice((1, 1, 2, 4))):
        at, other = random.randrange(len(places) - 1), random.randrange(len(places) - 1)
        start, end = places[at : at + 2]
        new = _opcode(data[start:end], data[places[other] : places[other + 1]], random)
        data = (data[:start] + new + data[end:])[: 4 * _MOST_BYTES]
        # The places behind it have moved; those before it are still good.
        places = [place for place in places if place <= start] + [len(data)]
        if len(places) < 2:
            break
    return data


def _opcode(opcode: bytes, other: bytes, random: Random) -> bytes:
    match random.randrange(5):
        case 0:
            return b""
        case 1:
            return _times(opcode, random.choice((2, 10, 10_000)))
        case 2:
            return other
        case 3:
            return random.choice(pickletools.opcodes).code.encode("latin-1") + opcode[1:]
        case _:
            return opcode[:1] + damage_bytes(opcode[1:], random)


@cache
def _places(data: bytes) -> tuple[int, ...]:
    return tuple(place for _, _, place in pickletools.genops(data) if place is not None)


def damage_png(data: bytes, random: Random) -> bytes:
    """One chunk damaged, its checksum made right again; or blindly."""
    if random.random() < 0.3:
        return damage_bytes(data, random)
    chunks, place = [], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    at = random.randrange(len(chunks))
    kind, content = chunks[at]
    kind = random.choice((kind, kind, kind, b"tRNS", b"PLTE", b"iCCP", b"zTXt", b"acTL", b"eXIf"))
    chunks[at] = kind, random.choice((damage_bytes, _number))(content, random)
    if random.random() < 0.1:
        chunks.insert(at, (b"zTXt", b"a\0\0" + _packed_zeros()))
    parts = [struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks]
    return data[:8] + b"".join(parts)


def damage_npy(data: bytes, random: Random) -> bytes:
    """The header's text damaged, its length made right again or made wrong; or blindly."""
    if not data.startswith(b"\x93NUMPY\x01\x00") or random.random() < 0.2:
        return damage_bytes(data, random)
    (length,) = struct.unpack_from("<H", data, 8)
    text, rest = data[10 : 10 + length].decode("latin-1"), data[10 + length :]
    for _ in range(random.choice((1, 1, 2))):
        pattern, choices = random.choice(_HEADER_PARTS)
        text = re.sub(pattern, random.choice(choices), text, count=1)
    if random.random() < 0.1:
        text = text[: random.randrange(len(text))] + "(" * random.choice((10, 300, 9000))
    version = random.choice((1, 1, 1, 2, 3, 4))
    number = min(len(text), 65535) if random.random() < 0.8 else random.choice(_EDGES)
    size = 2 if version == 1 else 4
    return b"\x93NUMPY" + bytes([version, 0]) + (number % 256**size).to_bytes(size, "little") + text.encode() + rest


_SHAPES = (
    "()",
    "(0,)",
    "(-1,)",
    "(4,)",
    "(4, 4)",
    "(2, 4, 4, 3)",
    f"({2**40},)",
    f"({2**62}, 4)",
    "(1,)*99",
    "4",
    "(1.0,)",
)
_TYPES = ("'|O'", "'<f2'", "'<f4'", "'>f8'", "'<c16'", "'<U9'", f"'<U{2**29}'", "'|V8'", "'<M8[s]'", "[('a', '<f8')]")
_HEADER_PARTS = (
    (r"\([^)]*\)", (*_SHAPES, "(" + "1, " * 40 + ")", f"({'9' * 4000},)")),
    (r"'[<>|=][^']*'", (*_TYPES, "'<f8" + "0" * 9 + "'", "None")),
    (r"True|False", ("True", "False", "None", "2")),
    (r"'(descr|shape|fortran_order)'", ("'descr'", "'shape'", "''")),
)


def damage_zip(data: bytes, entry: Callable[[bytes, Random], bytes], random: Random) -> bytes:
    """One entry's content (by ``entry``), name, packing or flags damaged and the zip made sound again; or blindly."""
    deed = random.randrange(10)
    if deed < 2:
        return damage_bytes(data, random)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    at = random.randrange(len(entries))
    name, content = entries[at]
    packing = [zipfile.ZIP_STORED if random.random() < 0.5 else zipfile.ZIP_DEFLATED] * len(entries)
    if deed == 2:
        name = random.choice((*TEXTS, "a/../../x.png", "/x.png", "x.npz", "", entries[0][0], name * 2, "__MACOSX/x"))
    elif deed == 3:
        packing[at] = random.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    elif deed == 4:
        # Behind the content, so that its header is read first.
        content += bytes(random.choice((1, 10**6, 3 * 10**7)))
        packing[at] = zipfile.ZIP_DEFLATED
    elif deed == 5:
        entries += [(f"{number}-{name}", b"") for number in range(random.choice((1, 3000)))]
        packing += [zipfile.ZIP_STORED] * (len(entries) - len(packing))
    else:
        content = entry(content, random)
    entries[at] = name, content
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a name given twice, which is meant
        for (each, inside), method in zip(entries, packing, strict=True):
            archive.writestr(zipfile.ZipInfo(each or "?"), inside, compress_type=method)
    return _number(made.getvalue(), random) if random.random() < 0.05 else made.getvalue()


@cache
def _packed_zeros() -> bytes:
    return zlib.compress(bytes(3 * 10**7), 9)
