"""The folder of a job's output: what the service wrote, and what was noted of files deleted."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass

from batchyard_vertex._names import Role
from batchyard_vertex.storage import Bucket

__all__ = ["Folder", "listed"]

_KEPT = "error.jsonl"
_SHARDS = ("predictions", "prediction.results")


@dataclass(frozen=True, slots=True)
class Folder:
    """Both files of a job are read from the same objects, so a file that is deleted has a mark.

    When it is the output file, the objects go too, and the error file is kept as it was.
    """

    name: str
    objects: tuple[str, ...] = ()

    def mark(self, role: Role) -> str:
        """The object that says that the file was deleted."""
        return f"{self.name}/deleted-{role}"

    def is_deleted(self, role: Role) -> bool:
        return self.mark(role) in self.objects

    @property
    def kept(self) -> str:
        """Where the error file is once the output file is gone."""
        return f"{self.name}/{_KEPT}"

    @property
    def shards(self) -> list[str]:
        """The objects that have rows."""
        return [name for name in self.objects if _is_shard(name)]

    @property
    def written(self) -> list[str]:
        """All that the service wrote."""
        ours = {self.kept, self.mark("output"), self.mark("error")}
        return [name for name in self.objects if name not in ours]


async def listed(bucket: Bucket, output: str) -> Folder:
    name = output.rstrip("/")
    async with aclosing(bucket.walk(f"{name}/")) as found:
        return Folder(name, tuple([one.name async for one in found]))


def _is_shard(name: str) -> bool:
    last = name.rpartition("/")[2]
    return any(part in last for part in _SHARDS)
