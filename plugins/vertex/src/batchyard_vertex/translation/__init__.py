"""OpenAI's lines as Vertex AI's, and its rows as OpenAI's."""

from batchyard_vertex.translation._input_file import Translated, translated
from batchyard_vertex.translation._results import Ended, result_lines

__all__ = ["Ended", "Translated", "result_lines", "translated"]
