"""What an author says of one operation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from batchyard.effects import Reply, Request
from batchyard.models import Finding

__all__ = ["Exchange", "Scenario"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that the plan must make, and the reply it gets.

    ``pattern`` is a regular expression that is looked for in ``"METHOD URL"``.
    Leave the host out of it: the drivers are tried against a server of the
    suite's own.  ``body`` says whether the request's body is right.
    ``empty_is_right`` of a reply for which ``{}`` stands as well: an empty list, at some services.
    """

    pattern: str
    reply: Reply
    body: Callable[[bytes], bool] | None = None
    empty_is_right: bool = False

    def fits(self, request: Request) -> bool:
        return re.search(self.pattern, f"{request.method} {request.url}") is not None


@dataclass(frozen=True, slots=True)
class Scenario:
    """An operation, the exchanges it takes, in their order, and what it ends with.

    ``arguments`` are those of the hook; ``call`` is added where it is not among
    them.  ``result`` is compared with ``==``; of a stream it is all the bytes, and
    of ``check_account`` the levels and names of the findings, since their
    messages are for people and may name the server.

    ``also`` has what else may be asked, any number of times: the look-ups after
    a create whose reply was lost, for example, which find nothing here.
    ``found`` has what those look-ups answer if the create was carried out after
    all; a scenario of ``create_batch`` needs it.  ``name`` tells two scenarios
    of one operation apart.
    """

    operation: str
    arguments: Mapping[str, object]
    exchanges: Sequence[Exchange]
    result: object
    also: Sequence[Exchange] = ()
    found: Sequence[Exchange] = ()
    name: str = ""

    @property
    def title(self) -> str:
        return f"{self.operation}-{self.name}" if self.name else self.operation

    def check(self, ending: object) -> None:
        """Refuse any ending but the result."""
        if isinstance(ending, BaseException):
            raise ending
        if _judged(ending) != _judged(self.result):
            raise AssertionError(
                f"{self.title} must end with {self.result!r}, and ended with {ending!r}"
            )


def _judged(result: object) -> object:
    if not isinstance(result, list):
        return result
    return [(one.level, one.check) if isinstance(one, Finding) else one for one in result]
