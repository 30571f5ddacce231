"""Where a resource is, in all the forms that people paste."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

__all__ = [
    "EXAMPLE",
    "Cloud",
    "authority_url",
    "blob_url",
    "cloud_of",
    "container_url",
    "is_dated",
    "resource_url",
]

EXAMPLE: Final = "https://my-resource.openai.azure.com"
V1: Final = "/openai/v1"
DATED: Final = "/openai"
SUBDOMAIN_ADVICE: Final = (
    "batches need a resource with a custom subdomain: give its own endpoint, such as " + EXAMPLE
)

_PATHS = ("/openai", "/api/projects", "/models", "/anthropic")
"""What paths begin with that are pasted of a resource's host: calls, projects, other APIs."""

_PORTALS = ("portal.azure.com", "ai.azure.com", "oai.azure.com", "portal.azure.us")


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of Azure's clouds: the ends of its host names, where tokens come from, and for what."""

    hosts: tuple[str, ...]
    regional: tuple[str, ...]
    authority: str
    scope: str
    v1_scope: str


PUBLIC = Cloud(
    (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com"),
    (".api.cognitive.microsoft.com",),
    "https://login.microsoftonline.com",
    "https://cognitiveservices.azure.com/.default",
    "https://ai.azure.com/.default",
)
GOVERNMENT = Cloud(
    (".openai.azure.us", ".services.ai.azure.us", ".cognitiveservices.azure.us"),
    (".api.cognitive.microsoft.us",),
    "https://login.microsoftonline.us",
    "https://cognitiveservices.azure.us/.default",
    "https://cognitiveservices.azure.us/.default",
)
CHINA = Cloud(
    (".openai.azure.cn", ".cognitiveservices.azure.cn"),
    (".api.cognitive.azure.cn",),
    "https://login.chinacloudapi.cn",
    "https://cognitiveservices.azure.cn/.default",
    "https://cognitiveservices.azure.cn/.default",
)
_CLOUDS = (PUBLIC, GOVERNMENT, CHINA)

_BLOBS = (".blob.core.windows.net", ".blob.core.usgovcloudapi.net", ".blob.core.chinacloudapi.cn")


def cloud_of(url: str) -> Cloud | None:
    """The cloud whose host the URL names; ``None`` for a proxy's, or an emulator's."""
    host = urlsplit(url).hostname or ""
    return next((one for one in _CLOUDS if host.endswith(one.hosts)), None)


def is_dated(version: str | None) -> bool:
    """Whether the version is one of the dated API's."""
    return version is not None and version not in {"v1", "preview"}


def resource_url(text: str, version: str | None) -> str:
    """The base of the API of that version, of whatever was pasted.

    Of a host of Azure's the path does not matter: what is meant is the resource.
    Elsewhere (a gateway, an emulator) a path is used as it is, but for that of the
    other API.  Raises :class:`ValueError` with a hint for what is no resource.
    """
    parts = _parsed(text)
    base = DATED if is_dated(version) else V1
    place = f"{parts.scheme}://{parts.netloc}"
    if cloud_of(place) is not None:
        if parts.scheme != "https":
            raise ValueError("a resource of Azure is reached by https://, not http://")
        path = parts.path.rstrip("/")
        if path and not path.startswith(_PATHS):
            raise ValueError(f"{path} is no path of a resource; give its endpoint, as {EXAMPLE}")
        return f"{place}{base}"
    if parts.query or "/deployments/" in parts.path:
        raise ValueError(f"this is the URL of one call; give the resource's, such as {EXAMPLE}")
    path = parts.path.rstrip("/")
    if path in {"", DATED, V1}:
        return f"{place}{base}"
    return f"{place}{path.removesuffix('/v1')}" if _ends_otherwise(path, base) else f"{place}{path}"


def _ends_otherwise(path: str, base: str) -> bool:
    """Whether the path leads to the v1 API, and the dated one is wanted."""
    return base == DATED and path.endswith(V1)


def _parsed(text: str) -> SplitResult:
    parts = urlsplit(_with_scheme(text.strip()))
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError(f"a base URL begins with https://, for example {EXAMPLE}")
    if parts.username or parts.password:
        raise ValueError("a base URL may not hold credentials; use api_key")
    if parts.fragment:
        raise ValueError(f"a base URL has no #fragment; give the endpoint, such as {EXAMPLE}")
    if host in _PORTALS:
        raise ValueError(
            f"this is the address of a web page; give the resource's endpoint, such as {EXAMPLE}"
        )
    if any(host.endswith(one.regional) for one in _CLOUDS):
        raise ValueError(f"this is the endpoint of a whole region; {SUBDOMAIN_ADVICE}")
    if host == "api.openai.com":
        raise ValueError("this is OpenAI's own service; use the provider openai for it")
    return parts


def _with_scheme(text: str) -> str:
    """A bare host of Azure's can only mean one thing."""
    return f"https://{text}" if "://" not in text and cloud_of(f"https://{text}") else text


def container_url(text: str) -> str:
    """The URL of a container of blobs, without a slash at its end.

    Raises :class:`ValueError` with a hint for what is none.
    """
    parts = urlsplit(text.strip())
    host, path = parts.hostname or "", parts.path.strip("/")
    example = "https://my-account.blob.core.windows.net/my-container"
    if parts.scheme not in {"http", "https"} or not host or not path:
        raise ValueError(f"give the container's URL, for example {example}")
    if parts.username or parts.password or parts.fragment:
        raise ValueError(f"a container's URL holds neither credentials nor a fragment: {example}")
    if parts.query:
        raise ValueError("give the part behind the ? (a shared access signature) as sas")
    if host.endswith(_BLOBS) and (parts.scheme != "https" or "/" in path):
        raise ValueError(f"give the container alone, by https, for example {example}; use prefix")
    return f"{parts.scheme}://{parts.netloc}/{path}"


def blob_url(text: str) -> str:
    """The URL of a blob, or of what blobs are in, in the one form that can be compared.

    Of a name that was sent encoded a batch may say either form.  What is no URL
    is returned as it is.
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    # bytes that are no text stay what they are
    path = quote(unquote(parts.path, errors="surrogateescape"), errors="surrogateescape")
    return parts._replace(netloc=parts.netloc.lower(), path=path).geturl()


def authority_url(text: str) -> str:
    """Where tokens come from, without a slash at its end.

    Raises :class:`ValueError` for a place to which a secret would go in the clear.
    """
    given = text.strip()
    url = given if "://" in given else f"https://{given}"
    parts = urlsplit(url)
    near = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and near)):
        raise ValueError("an authority is a host, or a URL that begins with https://")
    return url.rstrip("/")
