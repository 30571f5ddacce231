from __future__ import annotations


class ApiError(Exception):
    """What the service answers instead of a result, for a call and for a row alike."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code
        self.kind = kind


def missing(param: str) -> ApiError:
    return ApiError(
        f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter"
    )


def unknown_parameter(param: str) -> ApiError:
    return ApiError(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def wrong_type(param: str, expected: str, value: object) -> ApiError:
    return ApiError(
        f"Invalid type for '{param}': expected {expected}, but got {_described(value)} instead.",
        param=param,
        code="invalid_type",
    )


def wrong_choice(param: str, value: object, choices: tuple[str, ...]) -> ApiError:
    names = [f"'{choice}'" for choice in choices]
    last = f", and {names[-1]}" if len(names) > 2 else f" and {names[-1]}"
    supported = ", ".join(names[:-1]) + last if len(names) > 1 else names[0]
    return ApiError(
        f"Invalid value: '{value}'. Supported values are: {supported}.",
        param=param,
        code="invalid_value",
    )


def out_of_range(param: str, value: float, low: float | None, high: float | None) -> ApiError:
    """A number below `low` or above `high`; exactly one of the two is broken."""
    kind = "integer" if isinstance(value, int) else "decimal"
    if low is not None and value < low:
        side, sign, bound, code = "below minimum", ">=", low, f"{kind}_below_min_value"
    else:
        side, sign, bound, code = "above maximum", "<=", high or 0, f"{kind}_above_max_value"
    return ApiError(
        f"Invalid '{param}': {kind} {side} value. Expected a value {sign} {bound}, "
        f"but got {value} instead.",
        param=param,
        code=code,
    )


def _described(value: object) -> str:
    if value is None:
        return "null"
    for kinds, name in _TYPE_NAMES:
        if isinstance(value, kinds):
            return name
    return "an unsupported type"


_TYPE_NAMES: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "a boolean"),
    (int, "an integer"),
    (float, "a decimal number"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
)
