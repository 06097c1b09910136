"""What tells one run from another, in words for people: its sampler with every option that matters, its seeds."""

from __future__ import annotations

from collections.abc import Mapping

from bdia_edm.records.record import Labels

__all__ = ["in_words", "run_words", "shortened"]

_LONGEST = 60


def in_words(columns: Mapping[str, str | float | bool | None]) -> str:
    """A sampler's columns in a text: 'euler, gamma 0.1'."""
    return ", ".join(
        value if isinstance(value, str) else f"{name} {value:g}" if _is_number(value) else f"{name} {value}"
        for name, value in columns.items()
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def run_words(labels: Labels, num_steps: int | None, items: str, class_idx: int | None, what: str = "seeds") -> str:
    """A run in one line: 'bdia rho=5.0, euler, gamma 0.1, 9 steps, class 3, seeds 0-999'.

    Args:
        items: what stands for the images, of which ``what`` says what they are.
    """
    parts = [labels["sampler"], in_words(labels["columns"]), f"{num_steps} steps"]
    parts += [] if class_idx is None else [f"class {class_idx}"]
    return ", ".join(part for part in [*parts, f"{what} {shortened(items)}"] if part)


def shortened(text: str, most: int = _LONGEST) -> str:
    """A long text without its middle: seeds that are no ranges fill pages."""
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 4 :]}"
