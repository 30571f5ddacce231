from __future__ import annotations

import re

from tests.style.repository import ROOT, files, short

# put together here, so that this file is not what it finds
MACHINE = re.compile(
    "|".join(
        (
            r"--(?:extra-)?index-" + r"url[ =]\S",
            r"--find-" + r"links[ =]\S",
            r"file:" + r"///?[a-z]",
            r"/(?:root|home|Users|opt|work)" + r"/[\w.-]",
            r"(?<![\w.])shared" + r"/",
            r"https?://[\w.:-]*/simple" + r"\b",
            r"://[^/\s:@\"'{}<]+:[^/\s@\"'{}<]+" + r"@",
        )
    )
)


def test_no_committed_file_mentions_an_index_or_a_path_of_the_machine_it_was_made_on() -> None:
    found = []
    for path in files():
        text = path.read_text("utf-8", errors="replace")
        found += [
            f"{short(path)}:{number}: {match.group()}"
            for number, line in enumerate(text.splitlines(), 1)
            for match in MACHINE.finditer(line)
        ]
    assert found == []


def test_the_lock_holds_pinned_and_hashed_packages_and_nothing_else() -> None:
    lock = (ROOT / "requirements" / "dev.txt").read_text("utf-8")
    entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^ *#.*\n", "", lock).strip())
    loose = [
        entry.splitlines()[0]
        for entry in entries
        if not re.fullmatch(
            r"[\w.-]+==\S+(?: ; [^\\\n]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+", entry
        )
    ]
    assert loose == []
