"""Run examples/reviews.jsonl as a batch, through the gateway over emulators; see `make help`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from batchyard.errors import BatchyardError
from scripts.demo._live import run_live
from scripts.demo._places import fresh
from scripts.demo._quickstart import curl_commands, reviews_with_openai
from scripts.demo._services import emulated, gateway
from scripts.demo._showing import show_answers, show_events, show_receipt

PROVIDERS = ("openai", "azure", "vertex")


def demonstrate(providers: Sequence[str]) -> int:
    """The quickstart, and then some hundred requests at each of the providers."""
    with emulated(providers) as environment:
        configuration = fresh(providers)
        with gateway(configuration, environment) as url:
            curl_commands(url)
            made = [reviews_with_openai(url, one) for one in providers]
            for provider, batch_id in zip(providers, made, strict=True):
                show_answers(provider)
                show_receipt(configuration, environment, batch_id)
            for batch_id in made:
                show_events(batch_id)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.demo", description=__doc__)
    parser.add_argument("provider", help=f"one that is installed, or 'all': {PROVIDERS}")
    parser.add_argument("--live", action="store_true", help="the real service and your account")
    options = parser.parse_args()
    if options.live:
        return run_live(options.provider, os.environ)
    try:
        return demonstrate(PROVIDERS if options.provider == "all" else (options.provider,))
    except BatchyardError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
