"""OpenAI's lines as Vertex AI's, and its rows as OpenAI's."""

from __future__ import annotations

from batchyard_vertex.translation._choosing import EMBEDDINGS, ENDPOINTS, NATIVE
from batchyard_vertex.translation._embeddings import is_predicted
from batchyard_vertex.translation._input_file import Translated, translated
from batchyard_vertex.translation._losses import FieldLoss, losses_in, losses_of
from batchyard_vertex.translation._options import Options
from batchyard_vertex.translation._results import Ended, result_lines, whole
from batchyard_vertex.translation._traits import publisher_of
from batchyard_vertex.translation._usage_reader import usage_reader

__all__ = [
    "EMBEDDINGS",
    "ENDPOINTS",
    "NATIVE",
    "Ended",
    "FieldLoss",
    "Options",
    "Translated",
    "is_predicted",
    "losses_in",
    "losses_of",
    "publisher_of",
    "result_lines",
    "translated",
    "usage_reader",
    "whole",
]
