"""Running the suites over a provider that is installed."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from batchyard.errors import ConfigError
from batchyard.registry import Registry
from batchyard.testing._report import Report

__all__ = ["chosen", "conformance"]

_CHOSEN: list[str] = []


def chosen() -> str:
    """The provider that is being tried."""
    if not _CHOSEN:
        raise RuntimeError("these tests are run by `batchyard conformance PROVIDER`")
    return _CHOSEN[-1]


def conformance(provider: str, tests: Sequence[str] = ()) -> Report:
    """Try the installed provider over its emulator, and run its author's own *tests* too.

    Raises :class:`~batchyard.errors.PluginError` where it, or its emulator, cannot
    be used, and :class:`ConfigError` without what ``batchyard[testing]`` brings.
    """
    try:
        import pytest  # noqa: PLC0415 - an extra's
    except ImportError:
        raise ConfigError("this needs more packages: pip install 'batchyard[testing]'") from None
    registry = Registry()
    info = next((one for one in registry.installed("providers") if one.name == provider), None)
    registry.provider(provider)
    registry.load("emulators", provider)
    report = Report(provider, "emulator")
    if info is not None:
        report.more["package"] = f"{info.distribution} {info.version}"
    own = Path(__file__).with_name("_installed.py")
    options = ["-q", "-p", "no:cacheprovider", "--tb=short", f"--rootdir={Path.cwd()}"]
    if not tests:
        # whatever project this is called in, its settings of pytest are not for our tests
        options += ["-c", os.devnull]
    _CHOSEN.append(provider)
    # it asks for the provider when it is imported, and pytest imports nothing twice
    sys.modules.pop("batchyard.testing._installed", None)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            code = pytest.main([*options, str(own), *tests], plugins=[report])
    finally:
        _CHOSEN.pop()
    if code not in {0, 1} or not report.rules:
        raise ConfigError(f"pytest could not run the tests:\n{said.getvalue().strip()}")
    return report
