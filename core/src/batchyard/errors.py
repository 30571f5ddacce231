"""Every exception that Batchyard raises on purpose.

.. code-block:: text

    BatchyardError
    ├── PluginError                    something installed cannot be used
    │   ├── UnknownPluginError         no such plugin is installed
    │   ├── PluginConflictError        two packages claim one name
    │   ├── PluginLoadError            importing it, or making it, failed
    │   ├── PluginContractError        it breaks the contract
    │   └── PluginFailedError          a hook of it raised, or took too long
    ├── ConfigError                    a setting is missing or wrong
    ├── UnsupportedError               the provider has no such operation
    ├── InputError                     what the caller passed in is wrong
    │   └── InvalidLinesError          lines of a batch file are; each with its number
    ├── SourceError                    a body could not be read, or changed while it was sent
    ├── NotFinishedError               results were asked of a batch that still runs
    ├── WaitTimeoutError               a wait ran out; the batch goes on
    ├── IdempotencyError               a key cannot be kept, or was used for something else
    ├── AmbiguousCreateError           a create may or may not have been carried out
    ├── MalformedReplyError            the provider sent what it does not document
    ├── LedgerUnavailableError         the ledger's database cannot be used just now
    ├── APIConnectionError             no whole reply arrived
    │   ├── ConnectionRefusedByPeerError   nothing was sent: safe to send again
    │   └── APITimeoutError            the peer took too long
    └── APIStatusError                 the provider answered, and the answer is a refusal
        ├── BadRequestError            400 and other 4xx
        ├── AuthenticationError        401
        ├── PermissionDeniedError      403
        ├── NotFoundError              404
        ├── ConflictError              408 or 409
        ├── RateLimitError             429, worth another try later
        ├── QuotaExceededError         429, and waiting does not help
        │   └── BudgetExceededError    402, a budget has not enough left
        └── InternalServerError        5xx

The names below :class:`APIStatusError` are those of the official ``openai`` package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, ClassVar, TypedDict, TypeVar, Unpack

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AmbiguousCreateError",
    "AuthenticationError",
    "BadRequestError",
    "BatchyardError",
    "BudgetExceededError",
    "ConfigError",
    "ConflictError",
    "ConnectionRefusedByPeerError",
    "Details",
    "IdempotencyError",
    "InputError",
    "InternalServerError",
    "InvalidLinesError",
    "LedgerUnavailableError",
    "LineProblem",
    "MalformedReplyError",
    "NotFinishedError",
    "NotFoundError",
    "PermissionDeniedError",
    "PluginConflictError",
    "PluginContractError",
    "PluginError",
    "PluginFailedError",
    "PluginLoadError",
    "QuotaExceededError",
    "RateLimitError",
    "SourceError",
    "UnknownPluginError",
    "UnsupportedError",
    "WaitTimeoutError",
    "status_error",
]


class Details(TypedDict, total=False):
    """What an error may know beside its message."""

    provider: str | None
    account: str | None
    status: int | None
    request_id: str | None
    code: str | None
    param: str | None
    type: str | None
    retry_after: float | None
    retryable: bool | None


T = TypeVar("T", str, str | None)


def _whole(text: T) -> T:
    """Without halves of surrogate pairs, which JSON can hold, and no log, terminal or UTF-8."""
    return text.encode(errors="replace").decode() if text and not text.isascii() else text


class BatchyardError(Exception):
    """The root.  ``str()`` is a sentence for people; the attributes are for programs.

    ``provider`` and ``account`` say who was asked, ``status`` is the HTTP status of the provider's
    reply (``None`` where none arrived), ``request_id`` the provider's name for the exchange,
    ``code``, ``param`` and ``type`` OpenAI's error fields, ``retry_after`` the seconds the provider
    asked to wait, and ``retryable`` whether the same call may succeed later.
    """

    status_hint: ClassVar[int] = 500
    """HTTP status a gateway answers with when the provider gave none."""
    default_type: ClassVar[str] = "api_error"
    default_retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: Unpack[Details]) -> None:
        self.message = _whole(message)
        super().__init__(self.message)
        self.provider = details.get("provider")
        self.account = details.get("account")
        self.status = details.get("status")
        self.request_id = _whole(details.get("request_id"))
        self.code = _whole(details.get("code"))
        self.param = _whole(details.get("param"))
        self.type = _whole(details.get("type")) or self.default_type
        self.retry_after = details.get("retry_after")
        retryable = details.get("retryable")
        self.retryable = self.default_retryable if retryable is None else retryable

    def locate(self, provider: str, account: str) -> None:
        """Fill in who was asked, unless the error knows already."""
        self.provider = self.provider or provider
        self.account = self.account or account

    @property
    def body(self) -> dict[str, Any]:
        """The error in OpenAI's envelope (OpenAI API reference, errors)."""
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


class PluginError(BatchyardError):
    """Something that is installed cannot be used."""


class UnknownPluginError(PluginError):
    """No plugin of that name is installed."""

    status_hint = 404
    default_type = "invalid_request_error"


class PluginConflictError(PluginError):
    """Two packages claim one name.  Neither has been imported."""


class PluginLoadError(PluginError):
    """The plugin is installed, and importing or making it failed."""


class PluginContractError(PluginError):
    """The plugin does not keep to the hook specs, or a plan awaited what is no effect."""


class PluginFailedError(PluginError):
    """A hook raised, which is the error's cause, or did not return in its time."""

    default_retryable = True


class ConfigError(BatchyardError):
    """A setting is missing or wrong."""

    default_type = "invalid_request_error"


class UnsupportedError(BatchyardError):
    """The provider does not implement the operation."""

    status_hint = 400
    default_type = "invalid_request_error"


class InputError(BatchyardError):
    """What the caller passed in is wrong.  Nothing was sent."""

    status_hint = 400
    default_type = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class LineProblem:
    """What is wrong with one line.  ``line`` counts from 1; 0 is the file as a whole."""

    line: int
    code: str
    message: str
    param: str | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.message}"


class InvalidLinesError(InputError):
    """Lines of a batch file are not what the format asks for.

    ``problems`` has the first of them in detail; ``count`` is how many there are in all.
    """

    def __init__(self, problems: Sequence[LineProblem], count: int) -> None:
        first = problems[0]
        more = f" (and {count - 1} more)" if count > 1 else ""
        super().__init__(f"{first}{more}", code=first.code, param=first.param)
        self.problems = tuple(problems)
        self.count = count

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problems, self.count), self.__dict__

    @property
    def body(self) -> dict[str, Any]:
        """OpenAI's envelope, with the lines in the shape of a batch's ``errors``."""
        envelope = super().body
        envelope["error"]["data"] = [
            {**asdict(problem), "line": problem.line or None} for problem in self.problems
        ]
        return envelope


class SourceError(BatchyardError):
    """A body could not be read, or was not the length it said."""

    status_hint = 400
    default_type = "invalid_request_error"


class NotFinishedError(BatchyardError):
    """The batch still runs, so it has no results yet."""

    status_hint = 409
    default_type = "invalid_request_error"
    default_retryable = True


class WaitTimeoutError(BatchyardError):
    """The caller's time for waiting ran out.  The batch goes on at the provider."""

    status_hint = 504
    default_retryable = True


class IdempotencyError(BatchyardError):
    """The key was used for something else, or there is no room to keep it."""

    status_hint = 409
    default_type = "invalid_request_error"


class AmbiguousCreateError(BatchyardError):
    """The create may have been carried out: its reply was lost and no look-up could tell.

    Calling again with the same idempotency key finds what was made, if anything was.
    """

    status_hint = 502
    default_retryable = True


class MalformedReplyError(BatchyardError):
    """The provider answered with something other than what it documents.

    Worth another try: a proxy, or a service that is coming up, may have garbled one reply.
    """

    status_hint = 502
    default_retryable = True


class LedgerUnavailableError(BatchyardError):
    """The ledger's database is unreachable or busy.

    Nothing of the transaction was kept, unless the connection was lost while it
    was being committed.
    """

    status_hint = 503
    default_retryable = True


class APIConnectionError(BatchyardError):
    """The request was sent, at least in part, and no whole reply arrived."""

    status_hint = 502
    default_type = "api_connection_error"
    default_retryable = True


class ConnectionRefusedByPeerError(APIConnectionError):
    """No connection could be made, so nothing was sent."""


class APITimeoutError(APIConnectionError):
    """The peer took longer than the timeout."""

    status_hint = 504


class APIStatusError(BatchyardError):
    """The provider answered, and the answer is a refusal."""

    status_hint = 502
    default_type = "invalid_request_error"


class BadRequestError(APIStatusError):
    status_hint = 400


class AuthenticationError(APIStatusError):
    status_hint = 401


class PermissionDeniedError(APIStatusError):
    status_hint = 403


class NotFoundError(APIStatusError):
    status_hint = 404


class ConflictError(APIStatusError):
    status_hint = 409
    default_retryable = True


class RateLimitError(APIStatusError):
    status_hint = 429
    default_type = "rate_limit_error"
    default_retryable = True


class QuotaExceededError(APIStatusError):
    """Money or a hard limit has run out.  Asking again does not help; an operator must act."""

    status_hint = 429
    default_type = "insufficient_quota"


class BudgetExceededError(QuotaExceededError):
    """``used`` of the budget's ``limit``, in US dollars, leave no room for the ``asked`` ones."""

    status_hint = 402

    def __init__(self, budget: str, limit: Decimal, used: Decimal, asked: Decimal) -> None:
        said = f"has ${limit:f}, of which ${used:f} are used or reserved; this needs ${asked:f}"
        super().__init__(f"The budget {budget!r} {said}.", status=402, code="budget_exceeded")
        self.budget, self.limit, self.used, self.asked = budget, limit, used, asked

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.budget, self.limit, self.used, self.asked), self.__dict__

    @property
    def body(self) -> dict[str, Any]:
        amounts = {name: f"{getattr(self, name):f}" for name in ("limit", "used", "asked")}
        error = {**super().body["error"], "budget": {"name": self.budget, **amounts}}
        return {"error": error}


class InternalServerError(APIStatusError):
    default_type = "server_error"
    default_retryable = True


_BY_STATUS: dict[int, type[APIStatusError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: ConflictError,
    409: ConflictError,
    429: RateLimitError,
}


def status_error(message: str, **details: Unpack[Details]) -> APIStatusError:
    """The error that stands for a reply, by the ``status`` among the details."""
    status = details.get("status") or 500
    kind = InternalServerError if status >= 500 else _BY_STATUS.get(status, BadRequestError)
    return kind(message, **details)
