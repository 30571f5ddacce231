"""The parameters that each endpoint knows (OpenAI API reference); others are refused."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TEXT = _names(
    "model temperature top_p tools tool_choice parallel_tool_calls metadata store user "
    "service_tier safety_identifier prompt_cache_key prompt_cache_retention "
    "prompt_cache_options top_logprobs moderation stream stream_options"
)

PARAMETERS: dict[str, frozenset[str]] = {
    "/v1/chat/completions": _TEXT
    | _names(
        "messages max_completion_tokens max_tokens n stop seed logprobs presence_penalty "
        "frequency_penalty logit_bias response_format reasoning_effort verbosity modalities "
        "audio prediction web_search_options functions function_call"
    ),
    "/v1/responses": _TEXT
    | _names(
        "input instructions max_output_tokens text reasoning include previous_response_id "
        "conversation prompt truncation max_tool_calls background"
    ),
    "/v1/embeddings": _names("model input dimensions encoding_format user"),
    "/v1/completions": _names(
        "model prompt best_of echo frequency_penalty logit_bias logprobs max_tokens n "
        "presence_penalty seed stop stream stream_options suffix temperature top_p user"
    ),
    "/v1/moderations": _names("model input"),
    "/v1/images/generations": _names(
        "model prompt n size quality background output_format output_compression moderation "
        "user style response_format partial_images stream"
    ),
    "/v1/images/edits": _names(
        "model prompt images mask n size quality background output_format output_compression "
        "input_fidelity moderation user partial_images stream"
    ),
    "/v1/videos": _names("model prompt seconds size input_reference"),
}

REQUIRED: dict[str, str] = {
    "/v1/chat/completions": "messages",
    "/v1/responses": "input",
    "/v1/embeddings": "input",
    "/v1/completions": "prompt",
    "/v1/moderations": "input",
    "/v1/images/generations": "prompt",
    "/v1/images/edits": "prompt",
    "/v1/videos": "prompt",
}
"""Whose absence fails the whole batch in validation, not only its row."""
