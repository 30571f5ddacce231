from __future__ import annotations

import re
from pathlib import Path

from tests.docs.pages import DOCS, PAGES, blocks, name_of, text_of

LINK = re.compile(r"\]\(([^)\s:]+)\)")


def headings(page: Path) -> set[str]:
    """The anchors of a page, as forges make them."""
    text = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> list[tuple[Path, str]]:
    """Each link's file, and its anchor, if it has one."""
    prose = text_of(page)
    for block in blocks(page):
        prose = prose.replace(block.text, "")
    found = (target.partition("#") for target in LINK.findall(prose))
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in found]


def test_every_link_leads_somewhere() -> None:
    dead = [
        f"{name_of(page)} -> {target.name}#{anchor}"
        for page in PAGES
        for target, anchor in links(page)
        if not target.exists() or (anchor and anchor not in headings(target))
    ]
    assert dead == []


def test_every_page_is_in_the_index() -> None:
    listed = {target for target, _ in links(DOCS / "index.md")}
    pages = {page for page in PAGES if page.is_relative_to(DOCS)}
    assert pages - listed == {DOCS / "index.md"}


def test_the_headings_of_a_page_have_anchors_of_their_own() -> None:
    twice = []
    for page in PAGES:
        text = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
        titles = re.findall(r"^##+ (.+)$", text, re.MULTILINE)
        if page.name != "CONTRIBUTING.md" and len(titles) != len(set(titles)):
            twice.append(name_of(page))
    assert twice == []
