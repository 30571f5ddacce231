"""Reading YAML: safely, with the line of what is wrong, and with numbers as they are written."""

from __future__ import annotations

import stat
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchyard.errors import ConfigError

if TYPE_CHECKING:
    import yaml

__all__ = ["read_yaml"]

MAX_BYTES = 4 * 1024 * 1024
"""A configuration is written by hand; what is larger is something else."""

PREFIX = "tag:yaml.org,2002:"


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping that the file is.  Raises :class:`ConfigError`, with the line if it is no YAML.

    Fractions come as ``Decimal``, and dates as the texts that they are written as.
    """
    try:
        import yaml  # noqa: PLC0415 - it is an extra's
    except ImportError:
        raise ConfigError("reading YAML needs a package: pip install 'batchyard[yaml]'") from None
    try:
        data: Any = yaml.load(_text(path), Loader=_loader())  # noqa: S506 - it is a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = " ".join(one for one in (error.context, error.problem) if one)
        raise ConfigError(f"{path} is not YAML{where}: {said}") from None
    except yaml.YAMLError as error:
        # characters that YAML does not allow: the text says which, and where
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    except (RecursionError, ValueError):
        raise ConfigError(f"{path} is not YAML that can be read here") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is not a configuration: it must be a mapping, with model_list")
    return data


def _text(path: Path) -> str:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"{path} is not a regular file")
        if status.st_size > MAX_BYTES:
            raise ConfigError(f"{path} has {status.st_size:,} bytes: that is no configuration")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path} is not UTF-8 (at line {line})") from None


def _loader() -> type[yaml.SafeLoader]:
    import yaml  # noqa: PLC0415 - it is an extra's

    class Loader(yaml.SafeLoader):
        """Refuses a key that stands twice, of which one would be lost."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's signature
            seen = set()
            for key, _ in node.value:
                # what is merged in (<<) may be overridden, and comes with a tag of its own
                if isinstance(key, yaml.ScalarNode) and key.tag != f"{PREFIX}merge":
                    if key.value in seen:
                        raise yaml.constructor.ConstructorError(
                            None, None, f"the key {key.value!r} stands twice", key.start_mark
                        )
                    seen.add(key.value)
            return super().construct_mapping(node, deep=deep)

    def fraction(loader: Loader, node: yaml.ScalarNode) -> Decimal | str:
        text = str(loader.construct_scalar(node))
        try:
            return Decimal(text.replace("_", ""))
        except InvalidOperation:
            return text

    def text(loader: Loader, node: yaml.ScalarNode) -> str:
        return str(loader.construct_scalar(node))

    Loader.add_constructor(f"{PREFIX}float", fraction)
    Loader.add_constructor(f"{PREFIX}timestamp", text)
    return Loader
