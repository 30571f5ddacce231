"""Google's own clients work against the emulator, as they are."""

from __future__ import annotations

import importlib
import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from batchyard.testing import ManualClock
from batchyard_vertex.emulator import VertexEmulator

BUCKET = "batchyard-emulator"
SOURCE = f"gs://{BUCKET}/in/requests.jsonl"
ROWS = [
    {
        "key": f"row-{number}",
        "request": {"contents": [{"role": "user", "parts": [{"text": f"Say hello {number}."}]}]},
    }
    for number in range(3)
]

# these clients import packages that warn, and leave sockets to the garbage collector
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


class Google:
    """The official clients, pointed at one emulator."""

    def __init__(self, emulator: VertexEmulator, url: str, clock: ManualClock) -> None:
        self.emulator = emulator
        self.url = url
        self.clock = clock
        key = json.loads(emulator.credentials(url)["service_account"])
        self.credentials = _imported("google.oauth2.service_account").Credentials
        self.credentials = self.credentials.from_service_account_info(
            key, scopes=["https://www.googleapis.com/auth/cloud-platform"]
        )

    def storage(self) -> Any:
        return _imported("google.cloud.storage").Client(
            project=BUCKET,
            credentials=self.credentials,
            client_options={"api_endpoint": self.url},
        )

    def genai(self) -> Any:
        genai = _imported("google.genai")
        return genai.Client(
            vertexai=True,
            project=BUCKET,
            location="us-central1",
            credentials=self.credentials,
            http_options=_imported("google.genai.types").HttpOptions(base_url=self.url),
        )


def _imported(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    clock = ManualClock()
    emulator = VertexEmulator(clock=clock)
    with emulator.serve() as server:
        yield Google(emulator, server.url, clock)


def test_cloud_storage_is_used_by_its_own_client(google: Google) -> None:
    client = google.storage()
    bucket = client.bucket(BUCKET)
    assert client.get_bucket(BUCKET).location == "US-CENTRAL1"
    small = bucket.blob("it/small.txt")
    small.upload_from_string(b"small", content_type="text/plain", if_generation_match=0)
    assert small.download_as_bytes() == b"small"
    assert small.download_as_bytes(start=1, end=2) == b"ma"
    with pytest.raises(_imported("google.api_core.exceptions").PreconditionFailed):
        bucket.blob("it/small.txt").upload_from_string(b"other", if_generation_match=0)
    large = bucket.blob("it/large.bin", chunk_size=256 * 1024)
    data = bytes(range(256)) * 3000
    large.upload_from_string(data)
    assert large.download_as_bytes() == data
    large.reload()
    assert (large.size, large.content_type) == (len(data), "text/plain")
    assert [one.name for one in client.list_blobs(BUCKET, prefix="it/", page_size=1)] == [
        "it/large.bin",
        "it/small.txt",
    ]
    folders = client.list_blobs(BUCKET, delimiter="/")
    assert list(folders) == []
    assert set(folders.prefixes) == {"it/"}
    both = bucket.blob("it/both")
    both.compose([small, small])
    assert both.download_as_bytes() == b"smallsmall"
    assert bucket.copy_blob(small, bucket, "it/copy").size == 5
    assert bucket.test_iam_permissions(["storage.objects.get"]) == ["storage.objects.get"]
    small.metadata = {"team": "a"}
    small.patch()
    assert bucket.get_blob("it/small.txt").metadata == {"team": "a"}
    bucket.delete_blobs(list(client.list_blobs(BUCKET, prefix="it/")))
    assert bucket.get_blob("it/small.txt") is None


def test_a_batch_is_run_by_the_genai_client(google: Google) -> None:
    bucket = google.storage().bucket(BUCKET)
    bucket.blob("in/requests.jsonl").upload_from_string(
        "".join(json.dumps(row) + "\n" for row in ROWS)
    )
    client = google.genai()
    made = client.batches.create(
        model="gemini-2.5-flash",
        src=SOURCE,
        config={"display_name": "by genai", "dest": f"gs://{BUCKET}/out"},
    )
    assert made.state == "JOB_STATE_PENDING"
    assert [one.name for one in client.batches.list(config={"page_size": 5})] == [made.name]
    google.clock.advance(60)
    ended = client.batches.get(name=made.name)
    assert ended.state == "JOB_STATE_SUCCEEDED"
    assert ended.completion_stats.successful_count == 3
    folder = ended.dest.gcs_uri.removeprefix(f"gs://{BUCKET}/")
    found = list(google.storage().list_blobs(BUCKET, prefix=folder))
    rows = [json.loads(line) for one in found for line in one.download_as_bytes().splitlines()]
    assert {row["key"] for row in rows} == {"row-0", "row-1", "row-2"}
    answer = _imported("google.genai.types").GenerateContentResponse
    for row in rows:
        # as its own types read it
        assert answer.model_validate(row["response"]).text
    with pytest.raises(_imported("google.genai.errors").ClientError) as caught:
        client.batches.cancel(name=made.name)
    assert caught.value.status == "FAILED_PRECONDITION"
    assert client.batches.delete(name=made.name).done
    assert list(client.batches.list()) == []


def test_a_job_that_runs_is_cancelled_by_the_genai_client(google: Google) -> None:
    client = google.genai()
    made = client.batches.create(
        model="gemini-2.5-flash", src=SOURCE, config={"dest": f"gs://{BUCKET}/cancelled"}
    )
    client.batches.cancel(name=made.name)
    google.clock.advance(60)
    ended = client.batches.get(name=made.name)
    assert ended.state == "JOB_STATE_CANCELLED"
    assert ended.error.code == 1


def test_a_model_that_there_is_not_is_refused_in_words_the_client_reads(google: Google) -> None:
    client = google.genai()
    with pytest.raises(_imported("google.genai.errors").ClientError, match="does not exist"):
        client.batches.create(model="gpt-4", src=SOURCE, config={"dest": f"gs://{BUCKET}/x"})
