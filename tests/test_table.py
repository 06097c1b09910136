"""python -m bdia_edm.table: tables of whatever records there are."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from bdia_edm.api import finish, prepare
from bdia_edm.table import main
from tests.commands import modules_of
from tests.report.test_comparison import FILES


def run(tmp_path: Path, *overrides: str) -> None:
    finish(prepare(f"results_dir={tmp_path}", "seeds=0-19", "sampler.num_steps=3", *overrides), lambda line: None)


def test_records_of_two_models(tmp_path: Path) -> None:
    run(tmp_path / "a", "+model=digits", "sampler=edm")
    run(tmp_path / "a", "+model=digits")
    run(tmp_path / "b" / "deep", "+model=gaussian_mixture", "model.reference_samples=100")
    done = CliRunner().invoke(main, [str(tmp_path), "--dest", str(tmp_path / "tables")])
    assert done.exit_code == 0, done.output
    assert done.stdout.count("### ") == 2
    assert done.stdout.count("| bdia |") == 2
    assert "| edm |" in done.stdout
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == FILES


def test_it_starts_without_torch(tmp_path: Path) -> None:
    run(tmp_path, "+model=digits", "sampler=edm")
    assert "torch" not in modules_of("bdia_edm.table", str(tmp_path))


def test_the_same_table_without_plots(tmp_path: Path) -> None:
    run(tmp_path / "runs", "+model=digits", "sampler=edm")
    texts: dict[str, bytes] = {}
    for name, more in (("with", ()), ("without", ("--no-plots",))):
        done = CliRunner().invoke(main, [str(tmp_path / "runs"), "--dest", str(tmp_path / name), *more])
        assert done.exit_code == 0, done.output
        texts[name] = done.stdout_bytes
    assert texts["with"] == texts["without"]
    written = sorted(path.name for path in (tmp_path / "without").iterdir())
    assert written == ["table.csv", "table.md", "table.tex"]
    for name in written:
        assert (tmp_path / "without" / name).read_bytes() == (tmp_path / "with" / name).read_bytes()
    page = str(tmp_path / "page.html")
    refused = CliRunner().invoke(main, [str(tmp_path / "runs"), "--no-plots", "--html", page])
    assert refused.exit_code == 2
    assert refused.stderr == "error: --no-plots: the page of --html shows the plots; leave one of the two out\n"


def test_mistakes(tmp_path: Path) -> None:
    empty = CliRunner().invoke(main, [str(tmp_path)])
    assert empty.exit_code == 2
    assert empty.stderr == f"error: {tmp_path}: no record.json in it or below; bdia_edm.sample writes them\n"
    missing = CliRunner().invoke(main, [str(tmp_path / "no")])
    assert missing.exit_code == 2
    (tmp_path / "record.json").write_text("{")
    damaged = CliRunner().invoke(main, [str(tmp_path)])
    assert damaged.exit_code == 2
    assert damaged.stderr.startswith(f"error: {tmp_path / 'record.json'}: not a readable record")
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]
    (tmp_path / "record.json").unlink()
    run(tmp_path, "+model=digits")
    unwritable = CliRunner().invoke(main, [str(tmp_path), "--dest", "/proc/nothere"])
    assert unwritable.exit_code == 2
    assert unwritable.stderr.startswith("error: ")
    assert unwritable.stderr.count("\n") == 1


def test_damaged_records_are_told_beside_the_others(tmp_path: Path) -> None:
    run(tmp_path, "+model=digits", "sampler=edm")
    for name, content in (("a", "[" * 100_000), ("b", "{}"), ("c|\x1b[31m", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text(content)
    done = CliRunner().invoke(main, [str(tmp_path)])
    assert done.exit_code == 1
    assert done.stdout.count("| edm |") == 1
    assert done.stdout.count("Left out: ") == done.stderr.count("error: ") == len(done.stderr.splitlines()) == 3
    assert "nested too deeply" in done.stderr
    assert "\x1b" not in done.output
    assert str(tmp_path) not in done.stdout
    assert (tmp_path / "table.md").read_text() == done.stdout.removesuffix("\n")


def test_a_page_beside_the_table(tmp_path: Path) -> None:
    run(tmp_path, "+model=digits", "sampler=edm")
    run(tmp_path, "+model=digits", "sampler.gamma=0.1")
    page = tmp_path / "report.html"
    done = CliRunner().invoke(main, [str(tmp_path), "--html", str(page)])
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert text.startswith("<!DOCTYPE html>\n")
    assert "python -m bdia_edm.sample" in text
    # The plots that were written beside, and both runs' pictures.
    assert text.count("data:image/svg+xml;base64,") == len([*tmp_path.glob("table*.svg")]) >= 1
    assert text.count("data:image/png;base64,") == 2
    first = page.read_bytes()
    assert CliRunner().invoke(main, [str(tmp_path), "--html", str(page)]).exit_code == 0
    assert page.read_bytes() == first
    (tmp_path / "folder.html").mkdir()
    for name, said in (
        ("q.txt", f"{tmp_path}/q.txt: the page's name must end in .html"),
        ("new/a.html", f"{tmp_path}/new: no such folder; the page must lie in one that exists"),
        ("folder.html", f"{tmp_path}/folder.html: is a folder; a page is one file"),
    ):
        refused = CliRunner().invoke(main, [str(tmp_path), "--html", str(tmp_path / name)])
        assert (refused.exit_code, refused.stderr) == (2, f"error: --html: {said}\n")
    assert not (tmp_path / "new").exists()


def test_columns_and_figures_are_those_of_the_folders_table_yaml(tmp_path: Path) -> None:
    run(tmp_path, "+model=digits", "sampler=edm")
    own = tmp_path / "conf"
    own.mkdir()
    command = [str(tmp_path), f"--config-dir={own}"]
    missing = CliRunner().invoke(main, command)
    assert (missing.exit_code, missing.stderr.count("\n")) == (2, 1)
    (own / "table.yaml").write_text("columns: [figures, sampler]\nmetrics: [fd_digits]\n")
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[2] == "| fd_digits | sampler |"
    (own / "table.yaml").write_text("metrics: [fid]\n")
    unknown = CliRunner().invoke(main, command)
    assert unknown.exit_code == 2
    assert unknown.stderr == f"error: {own}/table.yaml: metrics: fid: unknown; there are fd_digits\n"
