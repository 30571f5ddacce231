"""What listeners hear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchyard.hookspecs._markers import hookspec

if TYPE_CHECKING:
    from batchyard.models import BatchEvent, FileEvent, RequestEvent

__all__ = ["ListenerSpec"]


class ListenerSpec:
    """Events, told in the listener's own thread, best effort.

    An entry point of the group ``batchyard.listeners`` names a class or a module.
    A hook is a ``def``, or an ``async def`` that runs on a real event loop; it
    has ten seconds.  What it raises is logged once and goes no further.  A
    listener that falls behind loses events, which are counted; it delays nobody.

    The totals of a batch's end are read from its files, which in direct mode are
    downloaded for that.  A class or module with ``needs_totals = False`` does
    without: if no listener needs them, nothing is downloaded and ``event.totals``
    is ``None``.
    """

    @hookspec
    def file_created(self, event: FileEvent) -> None:
        """A file was uploaded.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                def file_created(self, event):
                    print(event.file.id, event.file.bytes)
        """

    @hookspec
    def batch_created(self, event: BatchEvent) -> None:
        """A batch was created.  The record's type is ``acreate_batch``.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                async def batch_created(self, event):
                    print(event.type, event.batch.id)
        """

    @hookspec
    def batch_status_changed(self, event: BatchEvent) -> None:
        """A batch was seen with another status than before.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                def batch_status_changed(self, event):
                    print(event.previous_status, "->", event.batch.status)
        """

    @hookspec
    def batch_success(self, event: BatchEvent) -> None:
        """A batch has completed.  ``event.totals`` are its tokens and cost over all responses.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                def batch_success(self, event):
                    cost = event.totals.response_cost
                    print(event.totals.usage.total_tokens, "unknown" if cost is None else cost)
        """

    @hookspec
    def batch_failed(self, event: BatchEvent) -> None:
        """A batch was refused as a whole; ``event.batch.errors`` says why.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                def batch_failed(self, event):
                    print(event.batch.errors)
        """

    @hookspec
    def batch_expired(self, event: BatchEvent) -> None:
        """A batch's window closed.  Lines that had finished are billed, and in ``totals``.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                def batch_expired(self, event):
                    print(event.batch.id, event.totals.lines)
        """

    @hookspec
    def batch_cancelled(self, event: BatchEvent) -> None:
        """A batch was cancelled.  Lines that had finished are billed, and in ``totals``.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                def batch_cancelled(self, event):
                    print(event.batch.id, event.totals.lines)
        """

    @hookspec
    def batch_adjusted(self, event: BatchEvent) -> None:
        """Lines of a settled batch arrived late; ``totals`` and ``receipt`` are what they add.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                def batch_adjusted(self, event):
                    print(event.batch.id, event.totals)
        """

    @hookspec
    def batch_repriced(self, event: BatchEvent) -> None:
        """A settled batch was priced anew; ``totals`` and ``receipt`` are the difference.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                def batch_repriced(self, event):
                    print(event.batch.id, event.totals.response_cost)
        """

    @hookspec
    def batch_stalled(self, event: BatchEvent) -> None:
        """A batch has made no progress for longer than is usual.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                def batch_stalled(self, event):
                    print(event.batch.id, "is stuck in", event.batch.status)
        """

    @hookspec
    def request_sent(self, event: RequestEvent) -> None:
        """One HTTP exchange with a provider has ended, well or not.

        Example::

            from batchyard.hookspecs import hookimpl

            class Example:
                @hookimpl
                def request_sent(self, event):
                    print(event.method, event.url, event.status, event.seconds)
        """
