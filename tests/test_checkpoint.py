"""python -m bdia_edm.checkpoint: convert, inspect, fetch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file

from bdia_edm.api import UserError, finish, prepare
from bdia_edm.checkpoint import main
from bdia_edm.checkpoints import downloads
from bdia_edm.checkpoints.description import read_stored
from bdia_edm.checkpoints.downloads import cached_path
from bdia_edm.checkpoints.locating import RemoteFile
from bdia_edm.checkpoints.safetensors_file import write_network
from bdia_edm.config.conf_folder import PACKAGE, model_list
from bdia_edm.config.detector_card import detector_names
from bdia_edm.models.preconditioning import EDMPrecond
from tests.pickle_writer import INIT_KWARGS, checkpoint, dumps, ema, network
from tests.references import REFERENCE

PICKLE = REFERENCE / "pickles" / "tiny-song-vp-cond.pkl"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def one_line(result: Result, *parts: str) -> None:
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert all(part in result.stderr for part in parts), result.stderr


def test_convert_keeps_every_bit(tmp_path: Path) -> None:
    dest = tmp_path / "b.safetensors"
    done = run("convert", PICKLE, dest)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{hashlib.sha256(dest.read_bytes()).hexdigest()}  {dest}\n"
    before, after = read_stored(PICKLE), read_stored(dest)
    assert (after.class_name, after.init_kwargs) == (before.class_name, before.init_kwargs)
    assert set(after.state_dict) == set(before.state_dict)
    for name, values in before.state_dict.items():
        assert after.state_dict[name].numpy().tobytes() == values.numpy().tobytes(), name
    assert after.notes == {"source": PICKLE.name, "source_sha256": hashlib.sha256(PICKLE.read_bytes()).hexdigest()}
    assert [path.name for path in tmp_path.iterdir()] == ["b.safetensors"]


def test_both_forms_give_the_same_images(tmp_path: Path) -> None:
    run("convert", PICKLE, tmp_path / "b.safetensors")
    images = []
    for path in (PICKLE, tmp_path / "b.safetensors"):
        options = (f"model.path={path}", "detector=none", "seeds=0-3", "sampler.num_steps=3", "save_images=npz")
        made = prepare("+model=file", *options, f"results_dir={tmp_path / path.suffix}")
        finish(made, lambda line: None)
        images.append(np.load(made.folder / "images" / "00000.npz")["arr_0"])
    assert images[0].std() > 0
    assert np.array_equal(*images)


def test_weights_that_are_no_numbers_are_kept_too(tmp_path: Path) -> None:
    options = {"img_resolution": 8, "img_channels": 1, "model_channels": 16, "channel_mult": [1], "num_blocks": 1}
    network = EDMPrecond(**options, attn_resolutions=[])
    with torch.no_grad():
        next(network.parameters())[0] = float("nan")
    write_network(tmp_path / "a.safetensors", network, {**options, "attn_resolutions": []}, "denoiser")
    assert run("convert", tmp_path / "a.safetensors", tmp_path / "b.safetensors").exit_code == 0


def test_mistakes_in_convert(tmp_path: Path) -> None:
    one_line(run("convert", PICKLE, tmp_path / "b.pt"), "b.pt: its name must end in .safetensors")
    one_line(run("convert", tmp_path / "no.pkl", tmp_path / "b.safetensors"), "no.pkl: no such file")
    one_line(run("convert", PICKLE, tmp_path / "no" / "b.safetensors"), "no such folder to write to")
    (tmp_path / "b.safetensors").write_text("mine")
    one_line(run("convert", PICKLE, tmp_path / "b.safetensors"), "b.safetensors: exists; --force writes over it")
    assert (tmp_path / "b.safetensors").read_text() == "mine"
    assert run("convert", "--force", PICKLE, tmp_path / "b.safetensors").exit_code == 0
    one_line(run("convert", "embedded:digits_detector.safetensors", tmp_path / "c.safetensors"), "bdia_edm denoiser")


def test_inspect() -> None:
    facts = json.loads(run("inspect", "--json", PICKLE).stdout)
    assert (facts["class"], facts["labels"]) == ("EDMPrecond", 3)
    table = run("inspect", PICKLE).stdout
    rows = dict(line.split(maxsplit=1) for line in table.splitlines())
    assert rows["parameters"] == f"{facts['parameters']:,}"
    assert rows["sha256"] == facts["sha256"]
    assert "noise levels  0 to infinity" in table
    assert "note: made_by" in run("inspect", "embedded:digits.safetensors").stdout
    one_line(run("inspect", "no.pkl"), "no.pkl: no such file")


def test_a_files_notes_do_not_speak_to_the_terminal(tmp_path: Path) -> None:
    options = {"img_resolution": 8, "img_channels": 1, "model_channels": 16, "channel_mult": [1], "num_blocks": 1}
    network, notes = EDMPrecond(**options, attn_resolutions=[]), {"a\nsha256": "\x1b[31mforged\nsha256  00"}
    write_network(tmp_path / "a.safetensors", network, {**options, "attn_resolutions": []}, "denoiser", notes)
    shown = run("inspect", tmp_path / "a.safetensors").stdout
    assert shown.replace("\n", "").isprintable()
    assert sum(line.startswith("sha256") for line in shown.splitlines()) == 1


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "served").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


def test_fetch_a_url(server: str, tmp_path: Path) -> None:
    (tmp_path / "served" / "a.pkl").write_bytes(PICKLE.read_bytes())
    done = run("fetch", f"{server}/a.pkl")
    assert done.exit_code == 0, done.output
    path = cached_path(f"{server}/a.pkl")
    assert done.stdout == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}\n"
    assert path.read_bytes() == PICKLE.read_bytes()


def test_fetch_all_goes_on_after_a_failure(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file of every card, each once; what fails is said, and the rest comes."""
    asked: list[str] = []
    (tmp_path / "served" / "good").write_bytes(b"content")

    def redirected(url: str, sha256: str | None, most_bytes: int | None) -> Path:
        asked.append(url)
        return downloads.fetch(f"{server}/{'missing' if 'ffhq' in url else 'good'}")

    monkeypatch.setattr("bdia_edm.checkpoint.fetch", redirected)
    done = run("fetch", "all")
    assert done.exit_code == 2
    assert len(asked) == len(set(asked)) == 12 + 5 + 3
    assert done.stdout.count("/good\n") == 17
    assert done.stderr.count("error: cannot download ") == 3
    assert done.stderr.endswith("error: 3 of 20 files could not be fetched\n")


def test_fetch_takes_the_files_of_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RemoteFile] = []

    def fetched(url: str, sha256: str | None, most_bytes: int | None) -> Path:
        asked.append(RemoteFile(url, sha256, most_bytes))
        return PICKLE

    monkeypatch.setattr("bdia_edm.checkpoint.fetch", fetched)
    assert run("fetch", "imagenet64_baseline").exit_code == 0
    names = [file.url.rsplit("/", 1)[1] for file in asked]
    assert names == ["baseline-imagenet-64x64-cond-adm.pkl", "imagenet-64x64-baseline.npz", "inception-2015-12-05.pt"]
    assert [len(file.sha256 or "") for file in asked] == [0, 0, 64]
    assert [file.most_bytes for file in asked] == [None, 34_000_000, None]
    asked.clear()
    assert run("fetch", "dinov2").exit_code == 0
    assert [file.url.rsplit("/", 1)[1] for file in asked] == ["dinov2_vitl14_pretrain.pth"]
    for name in ("digits", "gaussian_mixture", "file", "pixels", "none"):
        asked.clear()
        done = run("fetch", name)
        assert (done.exit_code, done.stderr, asked) == (
            0,
            f"{name}: nothing to fetch, it needs no file from elsewhere\n",
            [],
        )


def test_mistakes_in_fetch() -> None:
    one_line(run("fetch", "cifar"), "cifar: unknown; there are all, a URL, ", *model_list(), *detector_names())
    one_line(run("fetch", "http://example.org/a.pkl"), "must be an https:// URL")


def test_offline_every_file_is_named_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names ending in .invalid never resolve (RFC 2606): the same as offline, at once."""
    monkeypatch.setenv("BDIA_EDM_CACHE", str(tmp_path))
    base = "https://nowhere.invalid"
    with pytest.raises(Exception, match="cannot download") as caught:
        prepare(
            "+model=cifar10",
            f"model.path={base}/a/net.pkl",
            f"model.reference={base}/ref.npz",
            f"detector.path={base}/i.pt",
        )
    lines = str(caught.value).splitlines()
    for line, name in zip(lines, ("a/net.pkl", "ref.npz", "i.pt"), strict=True):
        assert line.startswith(f"cannot download {base}/{name} (Failed to resolve 'nowhere.invalid'")
        assert line.endswith(f"put the file at {tmp_path}/nowhere.invalid/{name}")


def test_a_record_does_not_tell_tokens(server: str, tmp_path: Path) -> None:
    """Of the network's, the reference's and the detector's URL; the run and its record are otherwise the same."""
    for name in ("digits.safetensors", "digits_reference.npz", "digits_detector.safetensors"):
        (tmp_path / "served" / name).write_bytes((PACKAGE / "assets" / name).read_bytes())
    options = [f"model.path='{server}/digits.safetensors?token=secret'", "seeds=0-3", "sampler.num_steps=2"]
    options += [f"model.reference='{server}/digits_reference.npz?token=secret'", f"results_dir={tmp_path / 'runs'}"]
    options += [f"detector.path='{server}/digits_detector.safetensors?token=secret'"]
    made = prepare("+model=digits", *options)
    record = finish(made, lambda line: None)
    assert record["config"]["model"]["path"] == f"{server}/digits.safetensors?..."
    kept = [path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    kept += [path.read_bytes() for path in (tmp_path / "cache").rglob("*.sha256")]
    assert kept
    assert not any(b"secret" in content for content in kept)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sigma_min": "x"}, "its argument sigma_min is 'x'; must be a number from 0 to"),
        ({"dropout": 2.0}, "its argument dropout is 2.0; must be a number from 0 to 1"),
        ({"attn_resolutions": "16"}, "its argument attn_resolutions is '16'; must be a list of 0 to 64 values"),
    ],
)
def test_arguments_are_checked_when_a_file_is_read(changed: dict[str, Any], words: str, tmp_path: Path) -> None:
    """By every command, and of both kinds of file."""
    (tmp_path / "a.pkl").write_bytes(dumps(checkpoint(ema(**changed))))
    metadata = {
        "format": "bdia_edm denoiser",
        "class_name": "EDMPrecond",
        "init_kwargs": json.dumps({**INIT_KWARGS, **changed}),
    }
    save_file(network().state_dict(), tmp_path / "a.safetensors", metadata)
    for path in (tmp_path / "a.pkl", tmp_path / "a.safetensors"):
        one_line(run("inspect", path), str(path), words)
        one_line(run("convert", path, tmp_path / "b.safetensors"), str(path), words)
        with pytest.raises(UserError) as caught:
            prepare("+model=file", f"model.path={path}", "detector=none", "seeds=0-1", f"results_dir={tmp_path}")
        assert words in str(caught.value)
    assert not (tmp_path / "b.safetensors").exists()


def test_label_dropout_is_taken_and_written_on(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(dumps(checkpoint(ema(label_dropout=0.1))))
    assert run("convert", tmp_path / "a.pkl", tmp_path / "b.safetensors").exit_code == 0
    before, after = read_stored(tmp_path / "a.pkl"), read_stored(tmp_path / "b.safetensors")
    assert before.init_kwargs == after.init_kwargs == {**INIT_KWARGS, "label_dropout": 0.1}


def test_a_user_without_a_home_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object) -> None:
        raise KeyError("uid not found")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    for name in ("HOME", "XDG_CACHE_HOME", "BDIA_EDM_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for command in (("fetch", "cifar10"), ("list",), ("clean", "--all"), ("inspect", "https://example.org/a.pkl")):
        one_line(run(*command), "BDIA_EDM_CACHE=: must name a folder")
