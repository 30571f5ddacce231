"""The gateway beside a direct upstream, LiteLLM's proxy and the ``ferrogw`` gateway.

    python -m benchmarks.gateway [--rounds 3] [--seconds 3] [--mb 200] [--with-litellm]
        [--with-ferrogw] [--only NAME,…] [--load SECONDS]

Method: every contestant is a server in processes of its own, with its defaults, in
front of one fake upstream, which answers at once with what was made beforehand; the
load comes from another process, by plain sockets that stay open.  They are started
one after the other and then take turns, round by round, so that a busy machine slows
all of them; the median of the rounds is shown, of peaks the largest.

*cold start* is the time from the start of the process to its first answer, *idle* the
resident memory of all its processes after that and one request.  *reads* are
``GET /v1/batches/{id}`` of a batch that runs: the others ask the upstream for it, as
they always do; Batchyard has it in its ledger.  *up* sends one multipart upload of
``--mb`` megabytes of chat requests of 1 KB each: Batchyard checks, hashes, indexes and
stores every line; the others pass it on.  *down* reads as much.  *4 up* sends four
uploads of half the size at once.  Growth is that of the peak resident size over the
idle one.  MB/s are of wall time.

``--with-litellm`` and ``--with-ferrogw`` install those into environments of their own
under ``build/benchmarks``.  ``--load`` has 200 clients mix all routes of Batchyard for
so long, with an upstream that fails, while batches are settled, and shows latencies.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.gateway._contestants import KINDS, Contestant, installed
from benchmarks.gateway._load import mixed_load
from benchmarks.gateway._measures import Figures, measured
from benchmarks.gateway._report import show
from benchmarks.gateway._upstream import upstream


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--mb", type=int, default=200)
    parser.add_argument("--with-litellm", action="store_true")
    parser.add_argument("--with-ferrogw", action="store_true")
    parser.add_argument("--only", type=lambda names: set(names.split(",")), default=set(KINDS))
    parser.add_argument("--load", type=float, default=0.0)
    options = parser.parse_args()
    wanted = [name for name in KINDS if name in options.only]
    installed(wanted, litellm=options.with_litellm, ferrogw=options.with_ferrogw)
    with tempfile.TemporaryDirectory(prefix="gateway-benchmark-") as folder, ExitStack() as scope:
        if options.load:
            mixed_load(Path(folder), options.load)
            return 0
        url = scope.enter_context(upstream(options.mb))
        contestants: list[Contestant] = []
        for name in wanted:
            kind = KINDS[name]
            if kind.available():
                contestants.append(scope.enter_context(kind(Path(folder, name), url).served()))
        figures = {one.name: Figures() for one in contestants}
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            for one in contestants:
                measured(one, figures[one.name], options.seconds, options.mb)
    show(contestants, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
