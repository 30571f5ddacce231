"""The ledger's face: what clients, commands and the gateway call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from types import TracebackType
from typing import Self

from sqlalchemy import select

from batchyard.config import LedgerSettings
from batchyard.errors import InputError, NotFinishedError, NotFoundError
from batchyard.ledger import batches, files, keys
from batchyard.ledger.adopting import adopt, rebuild
from batchyard.ledger.batches import BatchFilter, BatchOrder
from batchyard.ledger.files import FileOrder, Received
from batchyard.ledger.keys import KeyOrder, KeyRecord
from batchyard.ledger.opening import Setup, open_parts
from batchyard.ledger.outbox import Chosen, EventRecord, Outbox, list_events
from batchyard.ledger.parts import Parts
from batchyard.ledger.receipts import combined, read
from batchyard.ledger.records import BatchRecord, FileRecord, JobRecord
from batchyard.ledger.routing import Allowed, Offer, Routing, offers, served_accounts
from batchyard.ledger.settlement import BEGINNING, Joined, Spot, joined
from batchyard.ledger.settling import reprice
from batchyard.ledger.staging import Arriving
from batchyard.ledger.store import Store, StoreMissingError
from batchyard.ledger.tracker import Tracker, follower_of
from batchyard.lines import ResultLine
from batchyard.models import (
    ApiKey,
    Batch,
    FileDeleted,
    FileObject,
    FileReport,
    Identity,
    Outcome,
    Page,
    PageRequest,
    Receipt,
    Usage,
)
from batchyard.registry import Account
from batchyard.sources import Source

__all__ = ["Ledger"]

NOBODY = Identity()


class Ledger:
    """Files and batches under our own ids, followed to their end.

    An async context manager that belongs to the event loop it is opened on.
    Reads take ``owner``: what is another's is as if it were not there; ``None``
    reads everybody's.
    """

    def __init__(self, settings: LedgerSettings, setup: Setup | None = None) -> None:
        self.settings = settings
        self._setup = setup or Setup()
        self._scope = AsyncExitStack()
        self.parts: Parts
        self.tracker: Tracker
        self.outbox: Outbox

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as scope:
            self.parts, self.tracker, self.outbox = await open_parts(
                self.settings, self._setup, scope
            )
            self._scope = scope.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._scope.aclose()

    @property
    def routing(self) -> Routing:
        """How accounts are chosen for batches."""
        return self.parts.routing

    def offers(self, accounts: Collection[str] | None = None) -> Mapping[str, Sequence[Offer]]:
        """What is known to run in batches at *accounts*, if not at any, by the lines' models."""
        return offers(self.parts, accounts)

    def accounts(self, accounts: Collection[str] | None = None) -> Mapping[str, Account]:
        """Those of *accounts*, if not all, that can be used."""
        found = served_accounts(self.parts, accounts)
        return {name: one.account for name, one in found.items()}

    async def check(self) -> None:
        """Raise :class:`LedgerUnavailableError` or a ``StoreError`` if either cannot be reached."""
        async with self.parts.db.reading() as connection:
            await connection.execute(select(1))
        await asyncio.to_thread(_reach, self.parts.store)

    def now(self) -> float:
        """The time, in Unix seconds, as the ledger's clock has it."""
        return self.parts.now()

    async def receive_file(
        self,
        source: Source | Arriving,
        *,
        models: Collection[str] | None = None,
        max_bytes: int | None = None,
    ) -> Received:
        """Check and store a file for a batch that is yet to be created, or discarded."""
        return await files.receive(self.parts, source, models=models, max_bytes=max_bytes)

    async def discard_file(self, received: Received) -> None:
        await files.discard(self.parts, received)

    async def create_file(
        self, source: Source | Received, order: FileOrder, *, who: Identity = NOBODY
    ) -> FileObject:
        """Check and stage a file; see :func:`batchyard.ledger.files.create`."""
        return await files.create(self.parts, who, source, order)

    async def retrieve_file(self, file_id: str, *, owner: str | None = None) -> FileObject:
        return files.file_of(await self.file(file_id, owner=owner))

    async def file(self, file_id: str, *, owner: str | None = None) -> FileRecord:
        """The file with what the ledger knows beyond what is shown."""
        return await files.find_file(self.parts, file_id, owner=owner)

    async def report_of_file(self, file_id: str, *, owner: str | None = None) -> FileReport:
        """Which of its lines gates refused and rewrote, and why."""
        return await files.report(self.parts, file_id, owner=owner)

    async def delete_file(self, file_id: str, *, owner: str | None = None) -> FileDeleted:
        return await files.delete(self.parts, file_id, owner=owner)

    async def list_files(self, page: PageRequest, *, owner: str | None = None) -> Page[FileObject]:
        return await files.list_files(self.parts, page, owner=owner)

    def content(
        self,
        file: FileRecord,
        start: int = 0,
        end: int | None = None,
        *,
        as_completed: bool = False,
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a file; result files come in the order of their input."""
        return files.content(self.parts, file, start, end, as_completed=as_completed)

    async def create_batch(
        self,
        order: BatchOrder,
        *,
        who: Identity = NOBODY,
        owner: str | None = None,
        accounts: Collection[str] | None = None,
        models: Collection[str] | None = None,
    ) -> Batch:
        """Write down a batch with its jobs as intents.

        ``accounts`` are those that it may run at, and ``models`` those that its errors may name.
        ``tracked_by`` of the reply says who follows it, ``None`` that nobody does.
        """
        made, replayed = await batches.create(
            self.parts, who, order, owner=owner, allowed=Allowed(accounts, models)
        )
        told = {"tracked_by": await follower_of(self.parts), "replayed": replayed}
        return batches.shown(self.parts, made).model_copy(update=told)

    async def retrieve_batch(self, batch_id: str, *, owner: str | None = None) -> Batch:
        found = await batches.find_batch(self.parts, batch_id, owner=owner, freshen=True)
        return batches.shown(self.parts, found)

    async def batch(
        self, batch_id: str, *, owner: str | None = None, provider: str | None = None
    ) -> BatchRecord:
        """The batch with what the ledger knows beyond what is shown."""
        return await batches.find_batch(self.parts, batch_id, owner=owner, provider=provider)

    async def find_batch(self, idempotency_key: str, *, owner: str = "") -> Batch | None:
        found = await batches.find_keyed(self.parts, idempotency_key, owner=owner)
        return None if found is None else batches.shown(self.parts, found)

    async def cancel_batch(self, batch_id: str, *, owner: str | None = None) -> Batch:
        return batches.shown(self.parts, await batches.cancel(self.parts, batch_id, owner=owner))

    async def list_batches(
        self, page: PageRequest, *, owner: str | None = None, wanted: BatchFilter | None = None
    ) -> Page[Batch]:
        return await batches.list_batches(self.parts, page, owner=owner, wanted=wanted)

    async def receipts(self, batch_id: str, *, owner: str | None = None) -> Sequence[Receipt]:
        """The batch's settlement and what came after it; none before it is settled."""
        batch = await self.batch(batch_id, owner=owner)
        async with self.parts.db.reading() as connection:
            return await read(connection, batch.id, batch.identity)

    async def receipt(self, batch_id: str, *, owner: str | None = None) -> Receipt:
        """What the batch comes to, with all that came later.

        Raises :class:`NotFinishedError` before it is settled.
        """
        found = combined(await self.receipts(batch_id, owner=owner))
        if found is None:
            raise NotFinishedError(f"batch {batch_id} is not settled yet")
        return found

    async def reprice(self, batch_id: str) -> Receipt | None:
        """Price a settled batch anew; the difference, or ``None`` where there is none."""
        await self.batch(batch_id)  # that it is there
        return await reprice(self.parts, batch_id)

    async def adopt(
        self, provider_batch_id: str, *, account: str | None = None, who: Identity = NOBODY
    ) -> Batch:
        """Take over a batch that was made elsewhere."""
        return batches.shown(
            self.parts, await adopt(self.parts, provider_batch_id, account=account, who=who)
        )

    async def rebuild(self, *, account: str | None = None) -> Sequence[Batch]:
        """Take over what this ledger's predecessor made at the account."""
        found = await rebuild(self.parts, account=account)
        return [batches.shown(self.parts, one) for one in found]

    async def create_key(self, order: KeyOrder) -> ApiKey:
        """A new API key, with its secret, which is shown here and nowhere else."""
        return await keys.create(self.parts.db, order)

    async def retrieve_key(self, key_id: str) -> ApiKey:
        return keys.shown(await keys.find_key(self.parts.db, key_id))

    async def list_keys(self, page: PageRequest) -> Page[ApiKey]:
        return await keys.list_keys(self.parts.db, page)

    async def revoke_key(self, key_id: str) -> ApiKey:
        return await keys.revoke(self.parts.db, key_id)

    async def rotate_key(self, key_id: str, *, grace: float = 0.0) -> ApiKey:
        """The key with a new secret; see :func:`batchyard.ledger.keys.rotate`."""
        return await keys.rotate(self.parts.db, key_id, grace=grace)

    async def key_of_secret(self, secret: str) -> KeyRecord | None:
        """The key that a caller shows, which may have ended."""
        return await keys.key_of_secret(self.parts.db, secret)

    async def check_room(self, key: KeyRecord, size: int) -> None:
        """Raise :class:`RateLimitError` for a file that the key has no room for."""
        async with self.parts.db.reading() as connection:
            await keys.check_room(connection, key, size, self.now())

    async def keys_exist(self) -> bool:
        return await keys.keys_exist(self.parts.db)

    async def followed_by(self) -> str | None:
        """Who follows the batches of this ledger, or ``None`` if nobody does."""
        return await follower_of(self.parts)

    async def events(
        self, subject: str, *, after: str | None = None, limit: int = 100
    ) -> list[EventRecord]:
        """The events of a batch or a file in their order, behind the one with the id *after*.

        Raises :class:`InputError` for an *after* that is none of them.
        """
        db, number = self.parts.db, None
        if after is not None:
            found = await list_events(db, Chosen(batch=subject, event=after))
            if not found:
                raise InputError(f"there is nothing with id {after!r}", param="after")
            number = found[0].number
        return await list_events(db, Chosen(batch=subject), after=number, limit=limit, order="asc")

    async def jobs(self, batch_id: str) -> list[JobRecord]:
        """The jobs that carry the batch, as they are now."""
        return await batches.jobs_of(self.parts, batch_id)

    async def usage_reader(self, batch_id: str) -> Callable[[ResultLine], Usage]:
        """What reads the tokens of the batch's result lines."""
        batch = await self.batch(batch_id)
        return self.parts.accounts.get(batch.account).account.usage_reader(batch.endpoint)

    def results(
        self,
        batch: Batch | BatchRecord,
        scope: ExitStack,
        start: Spot = BEGINNING,
        outcomes: Collection[Outcome] | None = None,
    ) -> Iterator[Joined]:
        """The results of a settled batch beside its lines, in their order.  It blocks.

        Without the input, in the order of the result files.  From *start* on, and
        with *outcomes* only those: see :func:`.settlement.joined`.  Raises
        :class:`NotFoundError` where the bytes of a result file are gone.
        """
        store = self.parts.store
        try:
            contents = [
                scope.enter_context(files.opened_results(store, file_id, scope))
                for file_id in (batch.output_file_id, batch.error_file_id)
                if file_id is not None
            ]
        except StoreMissingError as error:
            gone = f"the result files of {batch.id} are gone"
            raise NotFoundError(gone, status=404, code="results_gone") from error
        try:
            name = f"{batch.input_file_id}/content.jsonl"
            path = scope.enter_context(store.local(name)) if batch.input_file_id else None
        except StoreMissingError:
            path = None
        return joined(path, contents, start, outcomes)


def _reach(store: Store) -> None:
    with store.scratch():
        """A folder that is made and gone again tells that others can be."""
