"""Places for uploads: no owner takes all of them."""

from __future__ import annotations

import pytest

from batchyard.errors import RateLimitError
from batchyard.gateway._places import Places

pytestmark = pytest.mark.anyio


async def test_an_owner_takes_its_part_and_leaves_others_theirs() -> None:
    places = Places(8)
    async with places.one("a", 1) as leave, places.one("a", 1):
        with pytest.raises(RateLimitError, match="2 of yours") as refused:
            async with places.one("a", 0.01):
                pass
        assert (refused.value.status, refused.value.code) == (429, "too_many_uploads")
        async with places.one("b", 0.01), places.one("b", 0.01), places.one(None, 0.01):
            leave()
            # once: it is not given back again at the end
            leave()
            async with places.one("a", 0.01):
                with pytest.raises(RateLimitError):
                    async with places.one("a", 0.01):
                        pass
    async with places.one("a", 0.01), places.one("a", 0.01):
        pass


async def test_the_operator_may_take_all_and_no_more() -> None:
    places = Places(2)
    async with places.one(None, 1), places.one(None, 1):
        with pytest.raises(RateLimitError, match="2 files are"):
            async with places.one("a", 0.01):
                pass
    async with places.one("a", 0.01):
        pass
