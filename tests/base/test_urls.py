"""URLs without what grants access."""

from __future__ import annotations

import pytest

from bdia_edm.base.urls import is_allowed, without_secrets, without_secrets_in


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:secret@example.org/a.pkl", "https://example.org/a.pkl"),
        ("https://secret@example.org:8/a.pkl?secret#secret", "https://example.org:8/a.pkl?..."),
        ("cannot get 'https://a.org/b?t=secret' (why?)", "cannot get 'https://a.org/b?...' (why?)"),
        ("Max retries exceeded with url: /a?t=secret", "Max retries exceeded with url: /a?..."),
        ("model.path=https://a.org/b?t=secret&u=secret detector=none", "model.path=https://a.org/b?... detector=none"),
        ("https://a.org/b#secret", "https://a.org/b?..."),
        ("[https://u:p@a.org/b?t=secret]", "[https://a.org/b?...]"),
        ("no URL? none; a#b", "no URL? none; a#b"),
        ("https://example.org/a.pkl", "https://example.org/a.pkl"),
    ],
)
def test_secrets_are_left_out(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example.org/a", True),
        ("http://127.0.0.1:80/a", True),
        ("http://example.org/a", False),
        ("ftp://example.org/a", False),
        ("https://example.org:port/a", False),
        ("https://[::1/a", False),
    ],
)
def test_what_may_be_asked(url: str, allowed: bool) -> None:
    assert is_allowed(url) == allowed


def test_secrets_in_plain_values() -> None:
    values = {"model": {"path": "https://u:p@a.org/b?t=secret", "name": "a?b"}, "metric": ["https://a.org/b?t"], "n": 1}
    shown = {"model": {"path": "https://a.org/b?...", "name": "a?b"}, "metric": ["https://a.org/b?..."], "n": 1}
    assert without_secrets_in(values) == shown
