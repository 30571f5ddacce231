"""The end-to-end suite that plugin authors get, over our own providers."""

from __future__ import annotations

import pytest

from batchyard.testing import EndToEndSuite

pytestmark = pytest.mark.slow


class TestOpenAI(EndToEndSuite):
    provider = "openai"


class TestAzure(EndToEndSuite):
    provider = "azure"


class TestVertex(EndToEndSuite):
    provider = "vertex"
