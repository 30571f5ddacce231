"""A batch of two jobs, made by hand: what splitting will do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, update

from batchyard.ledger import Ledger
from batchyard.ledger.batches import job_values
from batchyard.ledger.tables import jobs
from batchyard.models import Batch
from tests.ledger.life.place import created, jobs_of


async def halved(
    ledger: Ledger,
    first: bytes,
    second: bytes,
    *,
    accounts: tuple[str, str] | None = None,
    models: tuple[str, str] | None = None,
    **order: Any,
) -> Batch:
    """A batch of one file whose two parts are jobs of their own, at these accounts."""
    batch = await created(ledger, first + second, **order)
    found = await ledger.batch(batch.id)
    file = await ledger.file(batch.input_file_id or "")
    (job,) = await jobs_of(ledger, batch.id)
    for number, content in enumerate((first, second), 1):
        with ledger.parts.store.writer(f"{file.id}/part-{number}.jsonl") as stored:
            stored.write(content)
    whole = job_values(found, file, job.created_at)
    async with ledger.parts.db.writing() as connection:
        for number in (0, 1):
            values = {**whole, "number": number, "input": f"{file.id}/part-{number + 1}.jsonl"}
            if models is not None:
                values["models"] = [models[number]]
            if accounts is not None:
                served = ledger.parts.accounts.get(accounts[number])
                values |= {"account": served.account.name, "provider": served.account.provider}
            if number == 0:
                values["id"], values["marker"] = job.id, job.marker
                await connection.execute(update(jobs).where(jobs.c.id == job.id).values(**values))
            else:
                await connection.execute(insert(jobs).values(**values))
    return batch
