"""What a provider can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from batchyard.hookspecs._markers import hookspec

if TYPE_CHECKING:
    from batchyard.effects import Plan, Stream
    from batchyard.lines import ResultLine
    from batchyard.models import (
        Batch,
        BatchDeleted,
        BatchRequest,
        Billing,
        Call,
        FileDeleted,
        FileObject,
        FileUpload,
        Finding,
        Limits,
        Page,
        PageRequest,
        Ref,
        Usage,
    )

__all__ = ["ProviderSpec"]


class ProviderSpec:
    """Operations.  A provider supports those it implements; there are no flags to set.

    An entry point of the group ``batchyard.providers`` names a class with three
    things besides the hooks: ``name``, ``Settings`` (a pydantic model, secrets as
    ``SecretStr``), and optionally ``aliases`` and the class method
    ``from_environment(env) -> Settings | None``, which offers a default account.
    Where it takes a second argument, that is a mapping of the settings which are
    given and stand above those it offers: whose key is offered may depend on them.
    ``Settings`` may have ``exclusive``, tuples of names of which an account has
    one: what is given of them stands above the environment's others.
    The registry makes ``cls(settings)`` once for each account.

    Operations return plans: each is an ``async def`` that awaits only effects
    (:mod:`batchyard.effects`), directly or through :mod:`batchyard.steps`.
    """

    @hookspec(firstresult=True)
    def upload_file(self, call: Call, file: FileUpload) -> Plan[FileObject]:  # type: ignore[empty-body]
        """Store a file.  ``file.source`` can be read again, and knows its length.

        With ``call.marker`` the stored name contains the marker, so that
        :meth:`find_file` finds an upload whose reply was lost.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.models import FileObject
            from batchyard.steps import fetch

            class Example:
                @hookimpl
                async def upload_file(self, call, file):
                    url = f"https://files.example/{file.filename}"
                    return await fetch(FileObject, Request("PUT", url, {}, file.source))
        """

    @hookspec(firstresult=True)
    def retrieve_file(self, call: Call, file: Ref) -> Plan[FileObject]:  # type: ignore[empty-body]
        """The file's description.  Raises ``NotFoundError`` when there is none.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.models import FileObject
            from batchyard.steps import fetch

            class Example:
                @hookimpl
                async def retrieve_file(self, call, file):
                    return await fetch(FileObject, Request("GET", f"https://files.example/{file.id}"))
        """

    @hookspec(firstresult=True)
    def delete_file(self, call: Call, file: Ref) -> Plan[FileDeleted]:  # type: ignore[empty-body]
        """Delete the file.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.models import FileDeleted
            from batchyard.steps import call as send

            class Example:
                @hookimpl
                async def delete_file(self, call, file):
                    await send(Request("DELETE", f"https://files.example/{file.id}"))
                    return FileDeleted(id=file.id)
        """

    @hookspec(firstresult=True)
    def list_files(self, call: Call, page: PageRequest) -> Plan[Page[FileObject]]:  # type: ignore[empty-body]
        """One page of the files, newest first.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.models import FileObject, Page
            from batchyard.steps import fetch

            class Example:
                @hookimpl
                async def list_files(self, call, page):
                    url = f"https://files.example/?after={page.after or ''}"
                    return await fetch(Page[FileObject], Request("GET", url))
        """

    @hookspec(firstresult=True)
    def file_content(self, call: Call, file: Ref) -> Stream[bytes]:  # type: ignore[empty-body]
        """The file's bytes, in pieces: OpenAI-shaped JSONL whatever the provider stores.

        How the pieces are cut carries no meaning.  ``file.provider_state`` is
        the file's own or, for a batch's input, output and error file, the
        batch's; where only an id is known it is ``None``, so the id must do.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.steps import Backoff, download

            class Example:
                @hookimpl
                async def file_content(self, call, file):
                    async def request():
                        return Request("GET", f"https://files.example/{file.id}/content")

                    async for piece in download(request, Backoff(retries=call.max_retries)):
                        yield piece
        """

    @hookspec(firstresult=True)
    def create_batch(self, call: Call, batch: BatchRequest) -> Plan[Batch]:  # type: ignore[empty-body]
        """Create a batch of an uploaded file.

        ``batch.models`` are the models of the lines where the client has seen
        them, and empty where it has not: another process may have uploaded.
        It must not be made twice: use ``steps.create_once`` unless the service
        keeps an idempotency key.  With ``call.marker`` the batch carries the
        marker, so that :meth:`find_batch` finds it.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.models import Batch
            from batchyard.steps import fetch, json_body

            class Example:
                @hookimpl
                async def create_batch(self, call, batch):
                    order = json_body({"input": batch.input_file.id, "key": call.marker})
                    return await fetch(Batch, Request("POST", "https://jobs.example", {}, order))
        """

    @hookspec(firstresult=True)
    def retrieve_batch(self, call: Call, batch: Ref) -> Plan[Batch]:  # type: ignore[empty-body]
        """The batch as it stands.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.models import Batch
            from batchyard.steps import fetch

            class Example:
                @hookimpl
                async def retrieve_batch(self, call, batch):
                    return await fetch(Batch, Request("GET", f"https://jobs.example/{batch.id}"))
        """

    @hookspec(firstresult=True)
    def cancel_batch(self, call: Call, batch: Ref) -> Plan[Batch]:  # type: ignore[empty-body]
        """Ask for the batch to be stopped.  One that has ended is returned as it is.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.models import Batch
            from batchyard.steps import fetch

            class Example:
                @hookimpl
                async def cancel_batch(self, call, batch):
                    url = f"https://jobs.example/{batch.id}/cancel"
                    return await fetch(Batch, Request("POST", url))
        """

    @hookspec(firstresult=True)
    def delete_batch(self, call: Call, batch: Ref) -> Plan[BatchDeleted]:  # type: ignore[empty-body]
        """Delete a batch that has ended, with all that is kept of it but its input file.

        A ledger calls it after :meth:`delete_file` where :meth:`staged_inputs`
        says ``"delete"``.  For services that keep batches and results for ever.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.models import BatchDeleted
            from batchyard.steps import call as send

            class Example:
                @hookimpl
                async def delete_batch(self, call, batch):
                    await send(Request("DELETE", f"https://jobs.example/{batch.id}"))
                    return BatchDeleted(id=batch.id)
        """

    @hookspec(firstresult=True)
    def list_batches(self, call: Call, page: PageRequest) -> Plan[Page[Batch]]:  # type: ignore[empty-body]
        """One page of the batches, newest first.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.models import Batch, Page
            from batchyard.steps import fetch

            class Example:
                @hookimpl
                async def list_batches(self, call, page):
                    url = f"https://jobs.example/?after={page.after or ''}"
                    return await fetch(Page[Batch], Request("GET", url))
        """

    @hookspec(firstresult=True)
    def find_file(self, call: Call, marker: str, since: float | None) -> Plan[FileObject | None]:  # type: ignore[empty-body]
        """What an upload with *marker* left behind, if anything.

        ``since`` (Unix seconds) is how far to look back; ``None`` is as far as it goes.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.models import FileObject, Page
            from batchyard.steps import fetch

            class Example:
                @hookimpl
                async def find_file(self, call, marker, since):
                    url = f"https://files.example/?name={marker}"
                    found = await fetch(Page[FileObject], Request("GET", url))
                    return found.data[0] if found.data else None
        """

    @hookspec(firstresult=True)
    def find_batch(  # type: ignore[empty-body]
        self,
        call: Call,
        marker: str,
        input_file: Ref | None,
        since: float | None,
        known: frozenset[str],
    ) -> Plan[Batch | None]:
        """What a create with *marker* left behind, if anything.

        ``input_file`` is given when it was uploaded for this one batch: then a
        batch of that file is it, marked or not, but for one that was
        ``refused_for_now``: nothing was made by that create.  ``since`` is as for
        :meth:`find_file`.  ``known`` are ids of batches that are not meant: one
        who has a batch and asks for another that should not be there.  Of several
        it is the one that was made first, and one that failed only where all did.
        Raises ``AmbiguousCreateError`` when it cannot tell.

        Example::

            from batchyard.effects import Request
            from batchyard.hookspecs import hookimpl
            from batchyard.models import Batch, Page
            from batchyard.steps import fetch

            class Example:
                @hookimpl
                async def find_batch(self, call, marker, input_file, since, known):
                    url = f"https://jobs.example/?key={marker}"
                    found = await fetch(Page[Batch], Request("GET", url))
                    others = [one for one in found.data if one.id not in known]
                    return others[-1] if others else None
        """

    @hookspec(firstresult=True)
    def check_account(self, call: Call) -> Plan[list[Finding]]:  # type: ignore[empty-body]
        """Whether the account can be used: credentials, roles, buckets; each with what to do.

        A check that finds something wrong is a finding, not an exception.

        Example::

            from batchyard.effects import Request
            from batchyard.errors import BatchyardError
            from batchyard.hookspecs import hookimpl
            from batchyard.models import Finding
            from batchyard.steps import call as send

            class Example:
                @hookimpl
                async def check_account(self, call):
                    try:
                        await send(Request("GET", "https://jobs.example/"))
                    except BatchyardError as error:
                        return [Finding("error", "credentials", error.message, "Check the key.")]
                    return [Finding("ok", "credentials", "The key is accepted.")]
        """

    @hookspec(firstresult=True)
    def usage_reader(self, endpoint: str) -> Callable[[ResultLine], Usage]:  # type: ignore[empty-body]
        """A plain function that reads one result line's tokens.  It is called for every line.

        Core's own reads the shapes of OpenAI's endpoints, and answers where no provider does.

        Example::

            from batchyard.hookspecs import hookimpl
            from batchyard.models import Usage

            class Example:
                @hookimpl
                def usage_reader(self, endpoint):
                    def read(line):
                        usage = (line.body or {}).get("usage") or {}
                        return Usage(usage.get("in", 0), usage.get("out", 0))

                    return read
        """

    @hookspec(firstresult=True)
    def billing(self, model: str | None, requested: str | None) -> Billing:  # type: ignore[empty-body]
        """What a model is billed as: *model* as results name it, *requested* as lines do.

        For providers whose names for models are their users' own, or whose
        prices differ by region.  Without it the results' name counts.

        Example::

            from batchyard.hookspecs import hookimpl
            from batchyard.models import Billing

            class Example:
                deployments = {"my-deployment": "house-model"}

                @hookimpl
                def billing(self, model, requested):
                    return Billing(self.deployments.get(requested, model), region="eu")
        """

    @hookspec(firstresult=True)
    def staged_inputs(self) -> Literal["keep", "delete"]:  # type: ignore[empty-body]
        """What becomes of the files that were uploaded for batches, once those are settled.

        ``"delete"`` has the ledger delete them, by :meth:`delete_file`, and the
        batches by :meth:`delete_batch` where there is one; ``"keep"``, which is so
        without the hook, leaves them to the provider's own expiry.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                tidy = True

                @hookimpl
                def staged_inputs(self):
                    return "delete" if self.tidy else "keep"
        """

    @hookspec(firstresult=True)
    def limits(self, endpoint: str | None, model: str | None) -> Limits:  # type: ignore[empty-body]
        """What one job takes, for this endpoint and model or, with ``None``, for any.

        Example::

            from batchyard.hookspecs import hookimpl
            from batchyard.models import Limits

            class Example:
                @hookimpl
                def limits(self, endpoint, model):
                    return Limits(max_lines=10_000, max_bytes=100_000_000)
        """
