from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulators.parts import Rig, rigged


@pytest.fixture
def rig() -> Iterator[Rig]:
    with rigged() as built:
        yield built
