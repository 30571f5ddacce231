from __future__ import annotations

import httpx

from tests.testing.providers import Good


class Heavy(Good):
    client = httpx.Client
