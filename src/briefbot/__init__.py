"""briefbot: cited, dated, bilingual answers from a briefing corpus on China's technology policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from briefbot.errors import BriefbotError
from briefbot.models import Answer, Citation, Document, Filters, Notice, Passage, ScoredPassage, Statement, Turn

if TYPE_CHECKING:
    from briefbot.answering import Briefbot
    from briefbot.settings import Settings

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "Briefbot",
    "BriefbotError",
    "Citation",
    "Document",
    "Filters",
    "Notice",
    "Passage",
    "ScoredPassage",
    "Settings",
    "Statement",
    "Turn",
    "__version__",
]

_LAZY = {"Briefbot": "briefbot.answering", "Settings": "briefbot.settings"}


def __getattr__(name: str) -> Any:
    """Load what needs heavy packages when it is first asked for."""
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'briefbot' has no attribute {name!r}")
