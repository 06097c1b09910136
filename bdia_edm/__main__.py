"""python -m bdia_edm COMMAND, or bdia-edm COMMAND: the commands by name, and their completion in a shell.

A command is a module of this package whose docstring begins with its command line; nothing else lists them, and only
the one that is asked for is imported.
"""

from __future__ import annotations

import ast
import io
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

from bdia_edm.base.lines import to_stderr, to_stdout
from bdia_edm.base.nearest import did_you_mean

__all__ = ["commands", "completions", "main"]

_COMPLETE = "--complete"
_SHELL = f'complete -o nospace -o default -C "bdia-edm {_COMPLETE}" bdia-edm'
_FOOT = f"""\
COMMAND --help says what it does and all its options. The same: python -m bdia_edm COMMAND, python -m bdia_edm.COMMAND.
In bash (and zsh, after autoload -U bashcompinit; bashcompinit) options and values are completed after
  {_SHELL}"""


def commands() -> dict[str, str]:
    """Name and line of every command."""
    found: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        said = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
        if said.startswith(f"python -m bdia_edm.{path.stem}"):
            found[path.stem] = said.partition(": ")[2].strip() or said
    return found


def completions(line: str) -> Iterator[str]:
    """What the last word of a command line that begins with bdia-edm may become."""
    words = line.split()
    last = "" if line[-1:].isspace() or not words else words.pop()
    if len(words) < 2:
        yield from (name for name in [*commands(), "--help", "--version"] if name.startswith(last))
    elif words[1] in commands():
        from bdia_edm.config.conf_folder import conf_folder

        if (conf_folder() / f"{words[1]}.yaml").is_file():
            yield from _of_hydra(words[1], line)
        else:
            yield from _of_click(import_module(f"bdia_edm.{words[1]}"), words[2:], last)


def _of_click(command: ModuleType, words: list[str], last: str) -> Iterator[str]:
    from click.shell_completion import ShellComplete

    yield from (item.value for item in ShellComplete(command.main, {}, "", "").get_completions(words, last))


def _of_hydra(config_name: str, line: str) -> list[str]:
    """Of the config alone: the command itself would bring PyTorch, and a press of the key would take seconds."""
    import hydra

    from bdia_edm.config.conf_folder import conf_folder

    found = io.StringIO()
    # Hydra takes away one word for the program.
    os.environ["COMP_LINE"] = line.partition(" ")[2].lstrip()
    sys.argv = ["", "--shell-completion", "query=bash"]
    with redirect_stdout(found), redirect_stderr(io.StringIO()), suppress(SystemExit):
        hydra.main(version_base=None, config_path=str(conf_folder()), config_name=config_name)(lambda config: None)()
    return found.getvalue().split()


def _complete(word: str) -> None:
    """Prints what the shell puts in the place of ``word``, the part of the last one after '=' or ':', if any."""
    line = os.environ.get("COMP_LINE", "")
    last = "" if line[-1:].isspace() else line.split()[-1]
    shared = len(last) - len(word.lstrip("=:"))
    to_stdout("\n".join(found[shared:] for found in completions(line)))


def main() -> None:
    """The commands."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name == _COMPLETE:
        _complete(rest[1] if len(rest) > 1 else "")
    elif name in ("--help", "-h", "help"):
        known = commands()
        width = max(map(len, known))
        lines = [f"  {each:<{width}}  {known[each]}" for each in known]
        to_stdout("\n".join(["usage: bdia-edm COMMAND ..., one of", *lines, "", _FOOT]))
    elif name == "--version":
        to_stdout(f"bdia_edm {version('bdia_edm')}")
    elif name in commands():
        # What click calls the program: with -m it puts the package's name before.
        sys.argv = [name if __name__ == "__main__" else f"bdia-edm {name}", *rest]
        import_module(f"bdia_edm.{name}").main()
    else:
        known = commands()
        to_stderr(f"error: {name}: unknown command; there are {', '.join(known)}{did_you_mean(name, known)}")
        sys.exit(2)


if __name__ == "__main__":
    main()
