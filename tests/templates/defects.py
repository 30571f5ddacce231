"""What goes wrong in providers, planted into one that is sound."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFECTS", "END_TO_END", "Defect"]


@dataclass(frozen=True, slots=True)
class Defect:
    """A change of one file of the package, and a test that must notice."""

    name: str
    file: str
    old: str
    new: str
    noticed: str
    more: tuple[tuple[str, str], ...] = ()

    def planted(self, text: str) -> str:
        for old, new in ((self.old, self.new), *self.more):
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} is there {text.count(old)} times")
            text = text.replace(old, new)
        return text


_CREATE = (
    "return await create_once(send, lambda _since: self._labelled(call, label), _backoff(call))"
)

_ONCE = """class _Once:
    def __init__(self, source):
        self.length, self._left = source.length, iter(list(source.chunks()))

    def chunks(self):
        return self._left


def _backoff(call: Call)"""
_HOPED = """    async def _hoped(self, call: Call, label: str) -> Batch | None:
        try:
            return await self._labelled(call, label)
        except BatchyardError:
            return None

    async def _labelled("""

DEFECTS = (
    Defect(
        "error rows are dropped",
        "_lines.py",
        '        body = _failure(found) if "fault" in found else _completion(found)\n',
        '        if "fault" in found:\n            return b""\n        body = _completion(found)\n',
        "test_a_golden_answer_comes_out_word_for_word",
    ),
    Defect(
        "answers are matched by their order",
        "_lines.py",
        '"custom_id": found["tag"], "response"',
        '"custom_id": _ORDER.pop(0) if _ORDER else found["tag"], "response"',
        "test_every_line_gets_its_own_answer",
        (
            ('PARAMETERS = {"model"', '_ORDER = []\n\nPARAMETERS = {"model"'),
            ("    return _packed(task)\n", "    _ORDER.append(name)\n    return _packed(task)\n"),
        ),
    ),
    Defect(
        "an unknown state crashes",
        "_wire.py",
        "STATES.get(self.state, self.state)",
        "STATES[self.state]",
        "test_every_state_is_read",
    ),
    Defect(
        "an unknown state is taken for the end",
        "_wire.py",
        "STATES.get(self.state, self.state)",
        'STATES.get(self.state, "failed")',
        "test_every_state_is_read",
    ),
    Defect(
        "a state is read as another",
        "_wire.py",
        '"late": "expired"',
        '"late": "completed"',
        "test_a_batch_that_expires_accounts_for_every_line",
    ),
    Defect(
        "a batch that was stopped is taken for done",
        "_wire.py",
        '"stopped": "cancelled"',
        '"stopped": "completed"',
        "test_a_cancelled_batch_accounts_for_every_line",
    ),
    Defect(
        "a cancel that comes too late crashes",
        "_provider.py",
        "        return (await self._fetch(_wire.Job, call, request)).batch()\n\n"
        "    @hookimpl\n    async def list_batches",
        "        job = await self._fetch(_wire.Job, call, request)\n"
        '        if job.state == "done":\n            raise RuntimeError(job.state)\n'
        "        return job.batch()\n\n"
        "    @hookimpl\n    async def list_batches",
        "test_a_cancel_that_comes_too_late",
    ),
    Defect(
        "answers of a batch that was stopped are lost",
        "_wire.py",
        'status in {"completed", "expired", "cancelled"}',
        'status == "completed"',
        "test_a_scenario_ends_well",
    ),
    Defect(
        "ids that look like numbers become numbers",
        "_lines.py",
        '"custom_id": found["tag"], "response"',
        '"custom_id": int(found["tag"]) if found["tag"].isdigit() else found["tag"], "response"',
        "test_every_line_gets_its_own_answer",
    ),
    Defect(
        "ids lose what is no ASCII",
        "_lines.py",
        '"custom_id": found["tag"], "response"',
        '"custom_id": found["tag"].encode("ascii", "ignore").decode(), "response"',
        "test_every_line_gets_its_own_answer",
    ),
    Defect(
        "a body can be sent once",
        "_provider.py",
        'self._request(call, "POST", path, tasks))',
        'self._request(call, "POST", path, _Once(tasks)))',
        "test_a_body_that_is_sent_again_is_read_from_its_start",
        (
            (
                "def _backoff(call: Call)",
                _ONCE,
            ),
        ),
    ),
    Defect(
        "an error repeats the credentials",
        "_wire.py",
        "status_error(redacted(str(fault), request)",
        "status_error(str(fault)",
        "test_a_fault_is_an_error_or_recovered_from",
        (('json.loads(reply.body)["fault"]', 'json.loads(reply.body)["message"]'),),
    ),
    Defect(
        "a log has the credentials",
        "_provider.py",
        "        headers = {**call.extra_headers",
        '        logging.getLogger("pigeon").debug("with %s", key)\n'
        "        headers = {**call.extra_headers",
        "test_a_fault_is_an_error_or_recovered_from",
        (
            (
                "from collections.abc import Mapping\n",
                "import logging\nfrom collections.abc import Mapping\n",
            ),
        ),
    ),
    Defect(
        "a repr has the credentials",
        "_provider.py",
        "    @classmethod\n",
        "    def __repr__(self) -> str:\n"
        '        return f"Pigeon({self._settings.api_key.get_secret_value()!r})"\n\n'
        "    @classmethod\n",
        "test_no_repr_shows_a_secret",
    ),
    Defect(
        "the path has the credentials",
        "_provider.py",
        "self._settings.base_url + path, headers",
        'f"{self._settings.base_url}/{key}{path}", headers',
        "test_a_scenario_ends_well",
    ),
    Defect(
        "a key is a plain text",
        "_settings.py",
        "    api_key: SecretStr = Field(",
        "    api_key: str = Field(",
        "test_a_credential_is_a_secret",
        (("api_key=SecretStr(key)", "api_key=key"),),
    ),
    Defect(
        "the cursor is that of the page's first",
        "_provider.py",
        "cursor=found.next)",
        "cursor=found.jobs[0].job if found.next else None)",
        "test_a_list_is_walked_to_its_end",
    ),
    Defect(
        "a list has one page",
        "_provider.py",
        "has_more=found.next is not None, cursor=found.next",
        "has_more=False, cursor=None",
        "test_a_list_is_walked_to_its_end",
    ),
    Defect(
        "the place in a list is not passed on",
        "_provider.py",
        '{"after": page.after, "most": page.limit}',
        '{"most": page.limit}',
        "test_a_scenario_ends_well",
    ),
    Defect(
        "a list without its key is an empty list",
        "_wire.py",
        "    jobs: list[Job]\n",
        "    jobs: list[Job] = []\n",
        "test_a_fault_is_an_error_or_recovered_from",
    ),
    Defect(
        "a create that timed out is sent again",
        "_provider.py",
        _CREATE,
        "return await retrying(send, _backoff(call))",
        "test_a_lost_create_is_looked_up_before_it_is_sent_again",
    ),
    Defect(
        "a look-up that failed found nothing",
        "_provider.py",
        _CREATE,
        "return await create_once(send, lambda _since: self._hoped(call, label), _backoff(call))",
        "test_a_lost_create_that_cannot_be_looked_up_is_not_sent_again",
        (
            (
                "    async def _labelled(",
                _HOPED,
            ),
        ),
    ),
    Defect(
        "what is known is found again",
        "_provider.py",
        "return await self._labelled(call, marker, known)",
        "return await self._labelled(call, marker)",
        "test_a_batch_that_is_known_is_not_found_again",
    ),
    Defect(
        "the marker is not sent",
        "_provider.py",
        "label = call.marker or call.request_id",
        "label = call.request_id",
        "test_a_scenario_ends_well",
    ),
    Defect(
        "the metadata are not sent",
        "_provider.py",
        '"notes": dict(batch.metadata or {})',
        '"notes": {}',
        "test_another_process_reads_the_results_by_the_batchs_id",
    ),
    Defect(
        "half of a shard is the whole",
        "_lines.py",
        "        async for piece in pieces:\n"
        '            *whole, rest = (rest + piece).split(b"\\n")\n'
        "            for one in whole:\n"
        '                yield line(one) + b"\\n" if one else b"\\n"\n',
        "        try:\n            async for piece in pieces:\n"
        '                *whole, rest = (rest + piece).split(b"\\n")\n'
        "                for one in whole:\n"
        '                    yield line(one) + b"\\n" if one else b"\\n"\n'
        "        except BatchyardError:\n            pass\n",
        "test_a_fault_is_an_error_or_recovered_from",
        (
            (
                "from batchyard.errors import InputError",
                "from batchyard.errors import BatchyardError, InputError",
            ),
        ),
    ),
    Defect(
        "a piece is taken for whole lines",
        "_lines.py",
        '            *whole, rest = (rest + piece).split(b"\\n")\n',
        "            whole = piece.splitlines()\n",
        "test_how_a_stream_is_cut_makes_no_difference",
    ),
    Defect(
        "a last line without its end is lost",
        "_lines.py",
        "    if rest:\n        yield line(rest)\n",
        "",
        "test_the_last_line_may_lack_its_end",
    ),
    Defect(
        "a line that cannot be read costs all others",
        "_lines.py",
        "        return answer\n",
        "        raise\n",
        "test_a_line_that_cannot_be_read_costs_no_other",
    ),
    Defect(
        "cached tokens are counted twice",
        "_lines.py",
        '"prompt_tokens": prompt,',
        '"prompt_tokens": prompt + answer["cached"],',
        "test_a_golden_answer_comes_out_word_for_word",
    ),
    Defect(
        "cached tokens are not counted",
        "_lines.py",
        'prompt = answer["in"] + answer["cached"]',
        'prompt = answer["in"]',
        "test_a_golden_answer_comes_out_word_for_word",
    ),
    Defect(
        "every status is 200",
        "_lines.py",
        '"status_code": found["code"]',
        '"status_code": 200',
        "test_a_golden_answer_comes_out_word_for_word",
    ),
    Defect(
        "a parameter is left out in silence",
        "_lines.py",
        "if foreign := sorted(set(body) - PARAMETERS):",
        "if foreign := sorted(set()):",
        "test_a_parameter_that_nobody_knows_is_not_left_out_in_silence",
    ),
    Defect(
        "a file is read back in the service's own shape",
        "_provider.py",
        "line = _lines.result_of if answers else _lines.request_of",
        "line = _lines.result_of if answers else bytes",
        "test_a_file_is_read_back_as_the_lines_that_were_put_in",
    ),
    Defect(
        "a check finds nothing wrong",
        "_provider.py",
        'return [Finding("error", "credentials", error.message, "Check PIGEON_KEY.")]',
        'return [Finding("ok", "credentials", error.message)]',
        "test_a_fault_is_an_error_or_recovered_from",
    ),
    Defect(
        "an error has no status",
        "_wire.py",
        "        return refusal(reply, request)\n",
        '        return BatchyardError("it failed")\n',
        "test_an_error_says_who_was_asked_and_what_the_status_was",
        (
            (
                "import APIStatusError, status_error",
                "import APIStatusError, BatchyardError, status_error",
            ),
        ),
    ),
    Defect(
        "an id is not quoted",
        "_provider.py",
        '    return quote(text, safe="")\n',
        "    return text\n",
        "test_an_id_from_outside_stays_within_its_part_of_the_url",
    ),
    Defect(
        "a cancel is believed before it is answered",
        "_provider.py",
        "        return (await self._fetch(_wire.Job, call, request)).batch()\n\n"
        "    @hookimpl\n    async def list_batches",
        "        await self._fetch(_wire.Job, call, request)\n"
        '        return Batch(id=batch.id, status="cancelled")\n\n'
        "    @hookimpl\n    async def list_batches",
        "test_a_scenario_ends_well",
    ),
    Defect(
        "times are milliseconds",
        "_wire.py",
        "created_at=self.born,",
        "created_at=self.born * 1000,",
        "test_a_scenario_ends_well",
    ),
    Defect(
        "failed lines are counted as done",
        "_wire.py",
        "completed=self.good, failed=self.bad",
        "completed=self.total, failed=0",
        "test_a_scenario_ends_well",
    ),
    Defect(
        "an HTTP library is imported with it",
        "_provider.py",
        "from pydantic import BaseModel\n",
        "import httpx\nfrom pydantic import BaseModel\n",
        "test_importing_it_imports_no_http_library_and_no_sdk",
    ),
    Defect(
        "a plan awaits what is no effect",
        "_provider.py",
        "        asked = {",
        "        await asyncio.sleep(0)\n        asked = {",
        "test_a_scenario_ends_well",
        (
            (
                "from collections.abc import Mapping\n",
                "import asyncio\nfrom collections.abc import Mapping\n",
            ),
        ),
    ),
    Defect(
        "it is written for a contract that is gone",
        "_provider.py",
        'contract: ClassVar[str] = ">=1.1,<2"',
        'contract: ClassVar[str] = ">=0.1,<1"',
        "test_it_loads_by_its_entry_point_and_registers",
    ),
    Defect(
        "an operation is offered and not tried",
        "_provider.py",
        "    @hookimpl\n    async def check_account",
        "    @hookimpl\n    async def retrieve_file(self, call: Call, file: Ref) -> FileObject:\n"
        '        request = self._request(call, "GET", f"/files/{_id(file.id)}")\n'
        "        return (await self._fetch(_wire.Stored, call, request)).object()\n\n"
        "    @hookimpl\n    async def check_account",
        "test_every_operation_has_a_scenario",
    ),
)

END_TO_END = {
    "test_a_batch_that_expires_accounts_for_every_line": "a state is read as another",
    "test_a_batch_that_is_known_is_not_found_again": "what is known is found again",
    "test_a_cancel_that_comes_too_late_changes_nothing": "a cancel that comes too late crashes",
    "test_a_cancelled_batch_accounts_for_every_line": "a batch that was stopped is taken for done",
    "test_a_create_whose_reply_is_lost_makes_one_batch": "a create that timed out is sent again",
    "test_a_file_is_read_back_as_the_lines_that_were_put_in": (
        "a file is read back in the service's own shape"
    ),
    "test_a_ledger_accounts_for_every_line_of_a_batch_that_expires": "a state is read as another",
    "test_a_ledger_settles_every_line_once": "error rows are dropped",
    "test_a_list_is_walked_to_its_end": "a list has one page",
    "test_a_process_that_dies_at_the_create_is_taken_over": "the marker is not sent",
    "test_another_process_reads_the_results_by_the_batchs_id": "the metadata are not sent",
    "test_every_line_gets_its_own_answer_whatever_it_is_called": "error rows are dropped",
    "test_the_async_client_comes_to_the_same": "error rows are dropped",
    "test_the_gateway_serves_it": "error rows are dropped",
    "test_the_same_key_is_the_same_batch_for_another_process": "the marker is not sent",
}
"""A defect for each rule of the end-to-end suite, which others may notice first."""
