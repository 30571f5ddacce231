"""The document as a page: whole in itself, without a script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

__all__ = ["POLICY", "page_of"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The page's Content-Security-Policy: nothing is loaded, and nothing runs."""

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --muted: #888; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem; }
h1 { margin: 0; } h2 { margin: 2.5rem 0 .5rem; } h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { margin: .5rem 0; } small, .muted { color: var(--muted); }
code, pre { font: .875em/1.45 ui-monospace, monospace; }
p code, td code, li code { background: var(--soft); border-radius: 3px; padding: .1em .3em; }
pre { background: var(--soft); border-radius: 6px; margin: .25rem 0; overflow: auto;
  padding: .75rem; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; }
details > summary { cursor: pointer; padding: .5rem .75rem; }
details > div { border-top: 1px solid var(--line); padding: .25rem .75rem .75rem; }
.method { border-radius: 4px; color: #fff; display: inline-block; font-weight: 600;
  margin-right: .5rem; min-width: 4.6rem; padding: 0 .4rem; text-align: center; }
.get { background: #2563a8; } .post { background: #2c7a4b; } .delete { background: #b03535; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .35rem .5rem .35rem 0; text-align: left;
  vertical-align: top; }
th { font-weight: 600; } td:first-child { white-space: nowrap; }
"""


def page_of(document: Mapping[str, Any]) -> str:
    """HTML.  All that is not ours to write is escaped."""
    info = document["info"]
    body = "".join(_sections(document))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>"
        f"{_prose(info['description'])}"
        '<p class="muted">The same for machines: <a href="openapi.json">openapi.json</a></p>'
        f"{body}</body></html>"
    )


def _sections(document: Mapping[str, Any]) -> Iterator[str]:
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for tag in operation["tags"]:
                by_tag.setdefault(tag, []).append(_operation(method, path, operation))
    for tag, operations in by_tag.items():
        yield f"<h2>{escape(tag)}</h2>{''.join(operations)}"
    schemas = document["components"]["schemas"]
    yield f"<h2>Schemas</h2>{''.join(_schema(*one) for one in schemas.items())}"


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parts = [_prose(operation.get("description", ""))]
    if parameters := operation["parameters"]:
        parts.append(f"<h3>Parameters</h3>{_table(map(_parameter, parameters))}")
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        parts.append("<h3>Body</h3>" + "".join(_content(*one) for one in content.items()))
    responses = operation["responses"].items()
    parts.append(f"<h3>Responses</h3>{_table(_response(*one) for one in responses)}")
    return (
        f'<details id="{escape(operation["operationId"])}"><summary>'
        f'<span class="method {escape(method)}">{escape(method.upper())}</span>'
        f"<code>{escape(path)}</code> <small>{escape(operation['summary'])}</small></summary>"
        f"<div>{''.join(parts)}</div></details>"
    )


def _parameter(one: Mapping[str, Any]) -> tuple[str, str]:
    required = ", required" if one["required"] else ""
    where = f"<br><small>{escape(one['in'])}{required}</small>"
    name = f"<code>{escape(one['name'])}</code>{where}"
    return name, f"{_marked(one.get('description', ''))} {_rules(one['schema'])}"


def _rules(schema: Mapping[str, Any]) -> str:
    said = {name: rule for name, rule in schema.items() if name not in {"type", "properties"}}
    kind = f"<small>{escape(_brief(schema.get('type', 'any')))}</small>"
    rules = ", ".join(f"{escape(name)} {escape(_brief(one))}" for name, one in said.items())
    return f"{kind} <small>{rules}</small>" if rules else kind


def _brief(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _content(kind: str, media: Mapping[str, Any]) -> str:
    return f"<p><code>{escape(kind)}</code> {_reference(media.get('schema'))}</p>"


def _response(status: str, response: Mapping[str, Any]) -> tuple[str, str]:
    bodies = " ".join(
        f"<code>{escape(kind)}</code> {_reference(media.get('schema'))}"
        for kind, media in response.get("content", {}).items()
    )
    return f"<code>{escape(status)}</code>", f"{_marked(response['description'])} {bodies}"


def _reference(schema: Mapping[str, Any] | None) -> str:
    if not schema:
        return ""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return f'<a href="#{escape(name)}">{escape(name)}</a>' if name else _json(schema)


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    summary = f"<summary><code>{escape(name)}</code></summary>"
    return f'<details id="{escape(name)}">{summary}<div>{_json(schema)}</div></details>'


def _json(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"


def _table(rows: Iterator[tuple[str, str]] | map[tuple[str, str]]) -> str:
    return "<table>" + "".join(f"<tr><td>{a}</td><td>{b}</td></tr>" for a, b in rows) + "</table>"


def _prose(text: str) -> str:
    return "".join(f"<p>{_marked(one)}</p>" for one in text.split("\n\n") if one)


def _marked(text: str) -> str:
    """Escaped, with what stands between backquotes as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
