"""python -m bdia_edm.checkpoint: fetches networks, lists and cleans what was fetched, converts, says what a file is.

Everything that a run needs can be fetched beforehand, on a machine with a network: see README, "The released
networks".
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import torch

from bdia_edm.base.errors import UserError, one_line_errors
from bdia_edm.base.lines import printable, size_words, to_stderr, to_stdout
from bdia_edm.base.usage import Group
from bdia_edm.checkpoints.cached_files import cached_files, chosen, take_out
from bdia_edm.checkpoints.description import describe_file, read_stored
from bdia_edm.checkpoints.downloads import cache_folder, cached_path, fetch, file_sha256
from bdia_edm.checkpoints.locating import RemoteFile, locate
from bdia_edm.checkpoints.safetensors_file import load_weights, read_network, write_network
from bdia_edm.config.composing import compose_config
from bdia_edm.config.conf_folder import model_list
from bdia_edm.config.detector_card import detector_card, detector_names
from bdia_edm.models.preconditioning import PRECONDITIONINGS

__all__ = ["main"]


@click.group(cls=Group)
def main() -> None:
    """Networks in files: fetch them, convert them, see what they are."""


@main.command()
@click.argument("source")
@click.argument("dest", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="write over DEST where it exists")
def convert(source: str, dest: Path, force: bool) -> None:
    """Writes the network of SOURCE (an EDM pickle, as a path or a URL) to DEST.safetensors.

    The weights keep their bits, and what the network is built from goes into the file's metadata.
    """
    with one_line_errors():
        if dest.suffix != ".safetensors":
            raise UserError(f"{dest}: its name must end in .safetensors")
        if dest.exists() and not force:
            raise UserError(f"{dest}: exists; --force writes over it")
        if not dest.resolve().parent.is_dir():
            raise UserError(f"{dest.parent}: no such folder to write to")
        path = locate(source)
        stored = read_stored(path)
        network = load_weights(PRECONDITIONINGS, stored, path)
        notes = {**stored.notes, "source": path.name, "source_sha256": file_sha256(path)}
        write_network(dest, network, stored.init_kwargs, "denoiser", notes)
        written = read_network(dest, "denoiser").state_dict
        weights = network.state_dict()
        # By bytes: a weight that is not a number is equal to itself here.
        if any(not torch.equal(_bits(written[name]), _bits(weights[name])) for name in weights):
            raise UserError(f"{dest}: reads back differently; is the disk sound?")
        to_stdout(f"{file_sha256(dest)}  {dest}")


def _bits(weights: torch.Tensor) -> torch.Tensor:
    return weights.contiguous().reshape(-1).view(torch.uint8)


@main.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def inspect(file: str, as_json: bool) -> None:
    """Says what network FILE (an EDM pickle or safetensors, whatever its name; a path or a URL) holds."""
    with one_line_errors():
        facts = describe_file(locate(file))
        to_stdout(json.dumps(facts, indent=2) if as_json else _table(facts))


def _table(facts: dict[str, Any]) -> str:
    flat = {name: value for name, value in facts.items() if name not in ("notes", "sigma_min", "sigma_max")}
    if "sigma_min" in facts:
        top = facts["sigma_max"]
        flat["noise levels"] = f"{facts['sigma_min']:.6g} to {'infinity' if top is None else f'{top:.6g}'}"
    # Whoever wrote the file wrote the notes: they must not look like other rows, nor speak to the terminal.
    flat |= {f"note: {printable(name)}": printable(value) for name, value in facts.get("notes", {}).items()}
    width = max(map(len, flat))
    shown = ((name, f"{value:,}" if type(value) is int else str(value)) for name, value in flat.items())
    return "\n".join(f"{name:<{width}}  {value}" for name, value in shown)


@main.command("fetch")
@click.argument("name")
def fetch_command(name: str) -> None:
    """Downloads what NAME needs into the cache: a model, a detector, a URL, or all.

    A model brings its network, its reference statistics and its detector. Prints lines of sha256sum's form.
    """
    with one_line_errors():
        wanted = _wanted(name)
        for remote in wanted:
            cached_path(remote.url)  # a URL that cannot be is said before any download
    failed = [remote for remote in wanted if not _fetched(remote)]
    if not wanted:
        to_stderr(f"{name}: nothing to fetch, it needs no file from elsewhere")
    if failed:
        to_stderr(f"error: {len(failed)} of {len(wanted)} files could not be fetched")
        sys.exit(2)


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def list_command(as_json: bool) -> None:
    """Lists the files in the cache with their sizes.

    The cache is the folder BDIA_EDM_CACHE, by default one in the user's cache folder.
    """
    with one_line_errors():
        files = cached_files()
        if as_json:
            facts = [{**file._asdict(), "path": str(file.path)} for file in files]
            to_stdout(json.dumps({"folder": str(cache_folder()), "files": facts}, indent=2))
            return
        for file in files:
            state = "" if file.whole else "  (partial)"
            state += "  (being downloaded)" if file.in_use else ""
            to_stdout(f"{size_words(file.num_bytes):>9}  {printable(file.name)}{state}")
        total = size_words(sum(file.num_bytes for file in files))
        to_stdout(f"{total:>9}  in {len(files)} files in {cache_folder()}")


@main.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="all files, and what killed downloads left")
def clean(names: tuple[str, ...], everything: bool) -> None:
    """Removes files NAMES, as 'list' prints them or as URLs, from the cache with their recorded checksums.

    Asks nothing. A file that a process is downloading stays.
    """
    with one_line_errors():
        if bool(names) == everything:
            raise UserError("give the names of files, as 'checkpoint list' prints them, or --all")
        files, freed, kept = cached_files(), 0, 0
        for file in files if everything else chosen(files, names):
            found = take_out(file)
            kept += found is None
            freed += found or 0
            did = "is being downloaded, kept" if found is None else f"removed, {size_words(found)}"
            to_stdout(f"{printable(file.name)}: {did}")
        to_stdout(f"freed {size_words(freed)} in {cache_folder()}")
        if kept and not everything:
            raise UserError(f"{kept} of {len(names)} files are being downloaded, and were kept")


def _fetched(remote: RemoteFile) -> bool:
    try:
        path = fetch(*remote)
    except (UserError, OSError) as error:
        to_stderr(f"error: {error}")
        return False
    to_stdout(f"{file_sha256(path)}  {path}")
    return True


def _wanted(name: str) -> list[RemoteFile]:
    """The files from elsewhere that ``name`` stands for, each once."""
    if "://" in name:
        return [RemoteFile(name, None)]
    models = model_list()
    if name != "all" and name not in (*models, *detector_names()):
        others = [detector for detector in detector_names() if detector not in models]
        raise UserError(f"{name}: unknown; there are all, a URL, {', '.join([*models, *others])}")
    found: list[RemoteFile] = []
    for each in (*models, *detector_names()) if name == "all" else (name,):
        found += _files_of_model(each) if each in models else detector_card(each).remote_files
    return list(dict.fromkeys(found))


def _files_of_model(name: str) -> list[RemoteFile]:
    # The path that the card of one's own network asks for is no file that could be fetched.
    overrides = ["model.path=none", "detector=none"] if name == "file" else []
    return compose_config([f"+model={name}", *overrides]).remote_files


if __name__ == "__main__":
    main()
