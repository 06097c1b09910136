"""Where files are: in the package, in the cache, at a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from bdia_edm.base.errors import UserError
from bdia_edm.base.option_names import options_named
from bdia_edm.checkpoints.downloads import file_sha256
from bdia_edm.checkpoints.locating import ASSETS, RemoteFile, fetch_files, locate, remote_files


def test_what_is_embedded_and_what_has_a_path() -> None:
    assert locate("embedded:digits.safetensors") == ASSETS / "digits.safetensors"
    assert (ASSETS / "digits.safetensors").is_file()
    assert locate("some/file.npz") == Path("some/file.npz")


def test_what_is_pinned_holds_and_is_called_as_the_user_calls_it(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"a")
    assert locate(str(path), file_sha256(path).upper()) == path
    with pytest.raises(
        UserError, match=rf"its sha256 is {file_sha256(path)}, model\.reference_sha256 is 0{{64}}; give"
    ):
        locate(str(path), "0" * 64, "model.reference")
    with (
        options_named(lambda option: f"--{option.replace('.', '-')}"),
        pytest.raises(UserError, match=r", --detector-sha256 is 0{64}; give its own to take this file"),
    ):
        locate(str(path), "0" * 64, "detector")


def test_only_urls_are_fetched() -> None:
    assert remote_files("https://example.org/a", "0" * 64, 5) == [RemoteFile("https://example.org/a", "0" * 64, 5)]
    assert remote_files("b.pkl") == remote_files(None) == remote_files("embedded:c", "0" * 64) == []


def test_all_that_is_missing_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path))
    files = [RemoteFile(f"http://127.0.0.1:1/{name}", None) for name in ("a", "b")]
    with monkeypatch.context() as patched:
        patched.setattr("bdia_edm.checkpoints.transfer.ATTEMPTS", 1)
        with pytest.raises(UserError) as error:
            fetch_files(files)
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert all(file.url in line for file, line in zip(files, lines, strict=True))
