"""Write examples/reviews.jsonl, the batch that `make demo` runs, from hand-written texts.

The same texts give the same bytes on every machine. `--check` compares instead of writing.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import struct
import sys
import tomllib
import uuid
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "examples" / "reviews.jsonl"
MODEL = "gpt-4.1-mini"
COLOURS = {".": (250, 250, 245), "#": (60, 70, 90), "+": (235, 150, 60)}

Body = dict[str, Any]
Line = tuple[str, Body]

FIND_ORDER = {
    "type": "function",
    "function": {
        "name": "find_order",
        "description": "Look an order up by its number.",
        "parameters": {
            "type": "object",
            "properties": {
                "number": {"type": "string", "description": "Five digits, without the #"},
                "with_tracking": {"type": "boolean"},
            },
            "required": ["number"],
            "additionalProperties": False,
        },
    },
}
OPEN_TICKET = {
    "type": "function",
    "function": {
        "name": "open_ticket",
        "description": "Hand the case to a person, when looking the order up is not enough.",
        "parameters": {
            "type": "object",
            "properties": {
                "reason": {"type": "string", "enum": ["missing", "damaged", "billing", "other"]},
                "note": {"type": "string"},
            },
            "required": ["reason", "note"],
            "additionalProperties": False,
        },
    },
}
FACTS = {
    "type": "json_schema",
    "json_schema": {
        "name": "review_facts",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "product": {"type": "string"},
                "language": {"type": "string", "description": "BCP 47"},
                "praise": {"type": "array", "items": {"type": "string"}},
                "complaints": {"type": "array", "items": {"type": "string"}},
                "defect_after_days": {"type": ["integer", "null"]},
                "safety_issue": {"type": "boolean"},
                "wants": {
                    "type": ["string", "null"],
                    "enum": ["refund", "replacement", "repair", "answer", None],
                },
            },
            "required": [
                "product",
                "language",
                "praise",
                "complaints",
                "defect_after_days",
                "safety_issue",
                "wants",
            ],
            "additionalProperties": False,
        },
    },
}


def chat(system: str, *turns: str | list[Body], **settings: Any) -> Body:
    """Return a body whose turns alternate between the user and the assistant."""
    messages: list[Body] = [{"role": "system", "content": system.strip()}]
    for number, content in enumerate(turns):
        messages.append({"role": ("user", "assistant")[number % 2], "content": content})
    return {"model": MODEL, "messages": messages, **settings}


def slug(text: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def quoted(review: Body) -> str:
    return f"{review['product']} ({review['stars']}/5)\n\n{review['text'].strip()}"


class Reviews:
    """The lines, kind by kind."""

    def __init__(self, texts: Body, asks: Body) -> None:
        self.reviews: list[Body] = texts["review"]
        self.long: list[Body] = texts["long"]
        self.asks = asks
        self.systems: dict[str, str] = asks["systems"]

    def sentiments(self) -> Iterator[Line]:
        for number, review in enumerate(self.reviews, 1):
            body = chat(self.systems["sentiment"], review["text"], temperature=0)
            yield f"sentiment-{number:04d}", {**body, "max_completion_tokens": 5}

    def topics(self) -> Iterator[Line]:
        """One token each, with the odds of the runners-up."""
        for number, review in enumerate(self.reviews[::2], 1):
            body = chat(self.systems["topic"], quoted(review), temperature=0)
            odds = {"max_completion_tokens": 3, "logprobs": True, "top_logprobs": 4}
            name = (
                "campaign=autumn-returns-2026;team=merchandising;question=main-topic;"
                f"product={slug(review['product'])};language={review['language']};row={number:06d}"
            )
            yield name, {**body, **odds}

    def facts(self) -> Iterator[Line]:
        for number, review in enumerate(self.reviews + self.long, 1):
            body = chat(self.systems["extract"], quoted(review), response_format=FACTS)
            yield f"facts/{slug(review['product'])}/{number}", {**body, "seed": number}

    def translations(self) -> Iterator[Line]:
        for number, review in enumerate(self.reviews, 1):
            targets = [t for t in self.asks["target"] if t["language"] != review["language"]]
            target = targets[number % len(targets)]
            ask = f"Translate into {target['language']}:\n\n{review['text']}"
            body = chat(self.systems["translate"], ask, temperature=0.3)
            yield f"№ {number} → {target['name']}", body

    def replies(self) -> Iterator[Line]:
        """Two drafts of an answer, for a person to choose from."""
        for review in (review for review in self.reviews if review["stars"] in {1, 2, 5}):
            text = quoted(review)
            body = chat(self.systems["reply"], text, n=2, temperature=0.9, presence_penalty=0.4)
            yield str(uuid.uuid5(uuid.NAMESPACE_OID, text)), body

    def orders(self) -> Iterator[Line]:
        """Every question twice: to be looked up, and when it has been."""
        tools = [FIND_ORDER, OPEN_TICKET]
        for number, ask in enumerate(self.asks["question"], 1):
            body = chat(self.systems["support"], ask["text"], tools=tools)
            yield f"orders:{number}:ask", {**body, "parallel_tool_calls": False}
            if ask["order"]:
                yield f"orders:{number}:looked-up", looked_up(body, ask)

    def conversations(self) -> Iterator[Line]:
        for number, dialogue in enumerate(self.asks["dialogue"], 1):
            body = chat(self.systems["support"], *dialogue["turns"], max_completion_tokens=300)
            yield f"conversation {number:02d} 💬", body

    def photos(self) -> Iterator[Line]:
        pictures = [(picture["shows"], picture["rows"]) for picture in self.asks["picture"]]
        for number, review in enumerate(self.reviews[::9], 1):
            shows, rows = pictures[number % len(pictures)]
            url = f"data:image/png;base64,{base64.b64encode(png(rows)).decode()}"
            parts: list[Body] = [
                {"type": "text", "text": quoted(review)},
                {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
            ]
            yield f"photo_{number:03d}.{shows}", chat(self.systems["photo"], parts)

    def summaries(self) -> Iterator[Line]:
        """One system prompt for all, long enough for a provider to cache it."""
        products: dict[str, list[str]] = defaultdict(list)
        for review in self.reviews:
            products[review["product"]].append(quoted(review))
        for product, texts in products.items():
            body = chat(self.systems["summary"], "\n\n---\n\n".join(texts), temperature=0.2)
            yield f"summary of {product}", {**body, "max_completion_tokens": 220}

    def digests(self) -> Iterator[Line]:
        """The long reviews in three lengths."""
        for review in self.long:
            for sentences in (1, 3, 7):
                ask = f"Sum this review up in {sentences} sentence(s):\n\n{quoted(review)}"
                system = "You sum up reviews for people in a hurry."
                yield f"digest of {review['product']} in {sentences}", chat(system, ask)

    def refusals(self) -> Iterator[Line]:
        for refusal in self.asks["refusal"]:
            body = chat(self.systems["sentiment"], "Nice kettle, shame about the lid.")
            yield refusal["id"], {**body, **refusal["body"]}

    def lines(self) -> list[Line]:
        kinds = (
            self.sentiments,
            self.topics,
            self.facts,
            self.translations,
            self.replies,
            self.orders,
            self.conversations,
            self.photos,
            self.summaries,
            self.digests,
            self.refusals,
        )
        # by a hash of the name, so that the kinds are mixed as in a real export
        return sorted((line for kind in kinds for line in kind()), key=mixed)


def mixed(line: Line) -> bytes:
    return hashlib.sha256(line[0].encode()).digest()


def looked_up(body: Body, ask: Body) -> Body:
    """Continue an order's question with the call and the tool's answer."""
    call = {
        "id": f"call_{ask['order']}",
        "type": "function",
        "function": {"name": "find_order", "arguments": json.dumps({"number": ask["order"]})},
    }
    answer = json.dumps(ask["status"], ensure_ascii=False)
    turns = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": answer},
    ]
    return {**body, "messages": [*body["messages"], *turns]}


def png(rows: str) -> bytes:
    """Draw letters as pixels of two by two.

    The data is stored, not deflated: what a compressor makes of it depends on its version.
    """
    palette = list(COLOURS)
    drawn = [bytes(palette.index(c) for c in row for _ in range(2)) for row in rows.split()]
    data = b"".join(b"\0" + row for row in drawn for _ in range(2))
    stored = b"\x78\x01\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    header = struct.pack(">IIBBBBB", len(drawn[0]), 2 * len(drawn), 8, 3, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        (b"PLTE", bytes(value for colour in COLOURS.values() for value in colour)),
        (b"IDAT", stored + struct.pack(">I", zlib.adler32(data))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def written() -> bytes:
    """Return the file, one request a line."""
    texts = tomllib.loads((HERE / "reviews.toml").read_text(encoding="utf-8"))
    asks = tomllib.loads((HERE / "requests.toml").read_text(encoding="utf-8"))
    rows = [
        {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}
        for name, body in Reviews(texts, asks).lines()
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the file is not up to date")
    if not parser.parse_args().check:
        OUTPUT.write_bytes(written())
    elif not OUTPUT.exists() or OUTPUT.read_bytes() != written():
        sys.exit(f"{OUTPUT} is not what its texts make: run python scripts/make_reviews.py")


if __name__ == "__main__":
    main()
