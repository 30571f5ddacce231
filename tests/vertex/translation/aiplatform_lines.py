"""Run where google-cloud-aiplatform is: parses requests strictly, a file of one a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from google.cloud.aiplatform_v1.types import GenerateContentRequest
from google.protobuf import json_format


def main() -> None:
    for text in Path(sys.argv[1]).read_text("utf-8").splitlines():
        message = GenerateContentRequest.pb(GenerateContentRequest())
        json_format.ParseDict(json.loads(text), message, ignore_unknown_fields=False)


if __name__ == "__main__":
    main()
