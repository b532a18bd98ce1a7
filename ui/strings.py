"""Every text of the interface, in English and Chinese: one file, which the page's scripts read as well."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

STRINGS_PATH = Path(__file__).parent / "assets" / "strings.json"

STRINGS: Mapping[Literal["en", "zh"], Mapping[str, str]] = json.loads(STRINGS_PATH.read_text(encoding="utf-8"))

EXAMPLES: tuple[str, ...] = tuple(STRINGS["en"][f"example_{number}"] for number in range(1, 6))
"""The five questions of the README, which the tests ask through page, API and terminal."""
