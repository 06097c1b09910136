"""The cache's contents: listed, and taken out; never what is being downloaded."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bdia_edm.checkpoint import main
from bdia_edm.checkpoints.cached_files import cached_files, take_out
from bdia_edm.checkpoints.downloads import NOTES, cached_path

BASE = "https://example.org/nets"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(url: str, num_bytes: int) -> Path:
    path = cached_path(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(num_bytes))
    path.with_name(f"{path.name}.sha256").write_text("0" * 64)
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def left(cache: Path) -> list[str]:
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file())


def test_an_empty_cache(cache: Path) -> None:
    assert cached_files() == []
    assert run("list").stdout == f"      0 B  in 0 files in {cache}\n"
    assert run("clean", "--all").stdout == f"freed 0 B in {cache}\n"
    assert not cache.exists()


def test_all_is_listed_with_sizes(cache: Path) -> None:
    put(f"{BASE}/a.pkl", 2_500_000)
    put(f"{BASE}/b.pkl?token=1", 10)
    put("https://example.org:8443/b.npz", 1500)
    # What this program remembers is no fetched file.
    (cache / NOTES).mkdir()
    (cache / NOTES / "batch_size-0.json").write_text("{}")
    (cache / "example.org" / "nets" / f"c.pkl.{'0' * 32}.partial").write_bytes(bytes(7))
    query = cached_path(f"{BASE}/b.pkl?token=1").parent.name
    assert run("list").stdout.splitlines() == [
        "   1.5 kB  example.org+8443/b.npz",
        "   2.5 MB  example.org/nets/a.pkl",
        f"      7 B  example.org/nets/c.pkl.{'0' * 32}.partial  (partial)",
        f"     10 B  example.org/nets/{query}/b.pkl",
        f"   2.5 MB  in 4 files in {cache}",
    ]
    facts = json.loads(run("list", "--json").stdout)
    assert [(file["num_bytes"], file["whole"]) for file in facts["files"]] == [
        (1500, True),
        (2_500_000, True),
        (7, False),
        (10, True),
    ]
    assert facts["files"][1]["path"] == str(cached_path(f"{BASE}/a.pkl"))


@pytest.mark.parametrize("name", ["a.pkl", "example.org/nets/a.pkl", f"{BASE}/a.pkl"])
def test_a_file_goes_with_its_checksum(cache: Path, name: str) -> None:
    put(f"{BASE}/a.pkl", 2000)
    put(f"{BASE}/more/b.pkl", 10)
    done = run("clean", name)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"example.org/nets/a.pkl: removed, 2.0 kB\nfreed 2.0 kB in {cache}\n"
    assert left(cache) == ["example.org/nets/more/b.pkl", "example.org/nets/more/b.pkl.sha256"]


def test_all_goes_but_what_a_process_downloads(cache: Path, tmp_path: Path) -> None:
    put(f"{BASE}/a.pkl", 2000)
    put(f"{BASE}/more/b.pkl", 10)
    (tmp_path / "elsewhere").write_bytes(bytes(50))
    cached_path(f"{BASE}/link.pkl").symlink_to(tmp_path / "elsewhere")
    partial = cache / "example.org" / "nets" / f"busy.pkl.{'0' * 32}.partial"
    partial.write_bytes(bytes(7))
    lock = cache / "example.org" / "nets" / "busy.pkl.lock"
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        assert "(partial)  (being downloaded)" in run("list").stdout
        done = run("clean", "--all")
        assert done.exit_code == 0
        assert f"{partial.name}: is being downloaded, kept" in done.stdout
        assert done.stdout.endswith(f"freed 2.0 kB in {cache}\n"), "a link is not its file"
        assert left(cache) == [f"example.org/nets/{name}" for name in (partial.name, "busy.pkl.lock")]
        assert run("clean", partial.name).exit_code == 2
        # Where the lock is taken after the list was made.
        (file,) = cached_files()
        assert take_out(file._replace(in_use=False)) is None
    finally:
        os.close(descriptor)
    assert run("clean", "--all").exit_code == 0
    assert left(cache) == ["example.org/nets/busy.pkl.lock"] or left(cache) == []
    assert (tmp_path / "elsewhere").stat().st_size == 50


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give the names of files"),
        (("--all", "a.pkl"), "give the names of files"),
        (("c.pkl",), "c.pkl: no such file in the cache"),
        (("b.pkl",), "b.pkl: several files have this name"),
        (("../../secret",), "no such file in the cache"),
        (("a.pkl.sha256",), "no such file in the cache"),
        (("a.pkl", "c.pkl"), "c.pkl: no such file in the cache"),
    ],
)
def test_mistakes_remove_nothing(cache: Path, arguments: tuple[str, ...], words: str) -> None:
    for name in ("a.pkl", "b.pkl", "more/b.pkl"):
        put(f"{BASE}/{name}", 5)
    (cache.parent / "secret").touch()
    before = left(cache)
    done = run("clean", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert left(cache) == before
    assert (cache.parent / "secret").exists()
