"""Walking lists."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from batchyard.effects import Plan, Stream
from batchyard.models import Page, PageRequest

__all__ = ["pages", "walk"]

T = TypeVar("T")
log = logging.getLogger(__name__)


async def pages(
    fetch: Callable[[PageRequest], Plan[Page[T]]], first: PageRequest
) -> Stream[Page[T]]:
    """Every page from *first* on.

    A page that points back to one already seen is such a page itself (the service
    goes round in circles, or takes no notice of ``after``): it ends the walk unseen.
    """
    request, seen = first, {first.after}
    while True:
        page = await fetch(request)
        after = page.next_after
        if after is not None and after in seen:
            log.warning("a list goes round in circles at %r; the walk ends there", after)
            return
        yield page
        if after is None:
            return
        seen.add(after)
        request = replace(request, after=after)


async def walk(fetch: Callable[[PageRequest], Plan[Page[T]]], first: PageRequest) -> Stream[T]:
    """Every item from *first* on."""
    async with aclosing(pages(fetch, first)) as listed:
        async for page in listed:
            for item in page.data:
                yield item
