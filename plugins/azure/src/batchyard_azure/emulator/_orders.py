"""Batches whose input and results are blobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batchyard.emulators import Blob, FileStore
from batchyard.emulators.openai_wire import ApiError, Dialect, File, FileShelf, NewFile
from batchyard_azure.emulator._containers import BlobOrder, Containers, split_url

__all__ = ["BlobOrders", "Shelf"]

_ENDED = ("completed", "failed", "expired", "cancelled")


class BlobOrders:
    """What was ordered with a blob, by the id of the file that stands for it inside."""

    def __init__(self, containers: Containers, store: FileStore) -> None:
        self._containers = containers
        self._store = store
        self._orders: dict[str, BlobOrder] = {}
        self._batches: dict[str, str] = {}
        """The ids of such batches' inner inputs, by their own."""
        self._results: dict[str, str] = {}
        """Files by the paths of the blobs that they are."""
        self.shelf: FileShelf | None = None

    def hides(self, file: File) -> bool:
        """Whether the file is one that clients know as a blob, if at all."""
        made_by = file.filename.rpartition("_")[0]
        return file.id in self._orders or made_by in self._batches

    def taken(self, body: dict[str, Any], now: float) -> dict[str, Any]:
        """The order with a file for its blob."""
        asked = dict(body)
        url, folder = asked.pop("input_blob", None), asked.pop("output_folder", None)
        if asked.pop("input_file_id", None):
            raise ApiError("Give input_file_id or input_blob, not both.", param="input_blob")
        if not isinstance(url, str) or not isinstance(folder, dict):
            raise ApiError("input_blob and output_folder are needed.", param="input_blob")
        place = folder.get("url")
        if not isinstance(place, str) or set(folder) - {"url", "delimiter"}:
            raise ApiError("output_folder has a url and a delimiter.", param="output_folder")
        if asked.get("metadata"):
            raise ApiError("metadata is not supported with blobs.", param="metadata")
        for one in (url, place):
            if split_url(one)[0] not in self._containers:
                raise ApiError(f"There is no container at '{one}'.", param="input_blob")
        stored = self._containers.at(url)
        file_id = "file-of-no-blob"
        if stored is not None and self.shelf is not None:
            new = NewFile("batch", stored.name, self._store.link(stored.blob), None)
            file_id = self.shelf.add(new, now).id
            self._orders[file_id] = BlobOrder(url, place, stored.etag)
        return {**asked, "input_file_id": file_id}

    def issue(self, file_id: str, *, forbidden: bool) -> tuple[str, str] | None:
        order = self._orders.get(file_id)
        if order is None:
            return None
        if forbidden:
            return "input_no_permissions", "The resource has no permission to read the input blob."
        stored = self._containers.at(order.input_url)
        if stored is None or stored.etag != order.etag:
            return "input_modified", "The input blob was modified after the batch was created."
        return None

    def shown(self, document: dict[str, Any]) -> dict[str, Any]:
        """The batch as clients see it, who know of blobs only."""
        order = self._orders.get(document["input_file_id"])
        if order is None:
            return document
        self._batches[document["id"]] = document["input_file_id"]
        began = document["in_progress_at"] is not None or document["status"].lower() in _ENDED
        shown = {**document, "input_blob": order.input_url, "input_file_id": None}
        for kind, name in (("results", "output"), ("errors", "error")):
            file_id = shown[f"{name}_file_id"]
            url = order.result_url(kind)
            # named from the beginning, whether it is ever written or not
            shown[f"{name}_blob"] = url if began else ""
            shown[f"{name}_file_id"] = None
            if file_id:
                self._results["/".join(split_url(url))] = file_id
        return shown

    def result(self, now: Callable[[], float]) -> Callable[[str], Blob | None]:
        """What finds the bytes of a result by its path; no bytes were never written."""

        def find(path: str) -> Blob | None:
            file_id = self._results.get(path)
            file = self.shelf.find(file_id, now()) if file_id and self.shelf else None
            return file.blob if file is not None and file.blob.size else None

        return find


class Shelf(FileShelf):
    """Files, without those that are blobs to everybody else."""

    def __init__(
        self, store: FileStore, dialect: Dialect, time_scale: float, orders: BlobOrders
    ) -> None:
        super().__init__(store, dialect, time_scale)
        self._blob_orders = orders

    def all(self, now: float, purpose: str | None = None) -> list[File]:
        return [one for one in super().all(now, purpose) if not self._blob_orders.hides(one)]
