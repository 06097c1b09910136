"""URLs that may be asked, and URLs that may be shown: what grants access (a user, a query's token) is nobody else's."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

__all__ = ["LOOPBACK_HOSTS", "is_allowed", "without_secrets", "without_secrets_in"]

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
_USER = re.compile(r"(\w://)[^/\s'\"]*@")
_QUERY = re.compile(r"(?<=[^\s?])[?#][^\s'\")\]]+")


def is_allowed(url: str) -> bool:
    """Whether it is https, or http to this machine."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a port that is not a number raises
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS)


def without_secrets(text: str) -> str:
    """The text with every URL's user and password left out, and its query and fragment as '?...'.

    For messages, and for what is kept: signed URLs have their token in the query.
    """
    return _QUERY.sub("?...", _USER.sub(r"\1", text)) if "/" in text else text


def without_secrets_in(values: Any) -> Any:
    """The same of every text that is a URL in plain values, nested as they are."""
    if isinstance(values, dict):
        return {name: without_secrets_in(value) for name, value in values.items()}
    if isinstance(values, list):
        return [without_secrets_in(value) for value in values]
    return without_secrets(values) if isinstance(values, str) and "://" in values else values
