from __future__ import annotations

import logging

import pytest

from batchyard.config import masked
from tests.config.conftest import Desk

HEAD = '[accounts.mine]\nprovider = "acme"\n'


@pytest.mark.parametrize(
    ("text", "mode", "warned"),
    [
        ('key = "s"', 0o644, 1),
        ('key = "env:K"\nproxy.password = "s"', 0o604, 1),
        ('key = "s"', 0o640, 0),
        ('key = "env:K"\nproxy.host = "h"', 0o644, 0),
    ],
)
def test_a_file_with_secrets_that_everybody_can_read_is_warned_of_once(
    desk: Desk, caplog: pytest.LogCaptureFixture, text: str, mode: int, warned: int
) -> None:
    # an absolute path, since a warning is given once for each
    path = desk.write(HEAD + text)
    path.chmod(mode)
    with caplog.at_level(logging.WARNING, logger="batchyard.config"):
        for _ in range(2):
            found = desk.resolve(config=path, K="k")
    assert (found.exposed == path) == bool(warned)
    assert ["chmod 600" in one for one in caplog.messages] == [True] * warned


def test_what_is_shown_has_no_secrets(desk: Desk) -> None:
    found = desk.resolve(
        "acme",
        {
            "key": "SECRET",
            "proxy": {
                "host": f"https://{'user:SECRET'}@host/path?sig=SECRET#x",
                "password": "SECRET",
            },
            "mirrors": [{"password": "SECRET"}],
        },
    )
    shown = masked(found.settings)
    assert "SECRET" not in repr(shown)
    assert "SECRET" not in repr(found)
    assert shown["proxy"]["host"] == "https://***host/path?***#x"
    assert shown["region"] == "eu"


def test_of_what_was_not_checked_only_references_are_shown() -> None:
    shown = masked({"x": "SECRET", "y": "env:NAME", "z": {"n": 1}})
    assert shown == {"x": "**********", "y": "env:NAME", "z": {"n": "**********"}}
