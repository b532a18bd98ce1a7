"""Cited answers as Markdown with footnotes.

Questions, answers and documents are untrusted: nothing in them becomes markup or a link.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from briefbot.api.schemas import AnswerOut
from briefbot.exporting import Note, Run, clean, lay_out, say

_ACTIVE = re.compile(r"[\\`*_\[\]{}<>&~^$|#@]|\.(?=[^\W\d_])|(?<=www)\.|:(?=\S)|/(?=/)|\A[(:]|!\Z", re.IGNORECASE)
"""What Markdown, HTML or a finder of bare links would act on; a mark may stand before and after."""

_ACTIVE_FIRST = re.compile(r"\A([0-9]*)([-+=.)])")
_CORE = re.compile(r"[^\W_](?:.*[^\W_])?", re.DOTALL)
"""From the first letter or digit to the last: emphasis can begin and end there in every script."""


def write_markdown(answers: Sequence[AnswerOut]) -> str:
    """The answers as Markdown with footnotes; what is quoted reads exactly as in its source.

    Raises `UsageError` where they are too many for one file.
    """
    layout = lay_out(answers)
    blocks: list[str] = []
    for section in layout.sections:
        notice, colon = say("notice", section.language), say("colon", section.language)
        blocks += (f"# {_escape(section.heading)}", _escape(section.context))
        blocks += (_start_line(_write_runs(runs)) for runs in section.paragraphs)
        blocks += (f"> **{notice}**{colon}{_write_runs(runs)}" for runs in section.notices)
        blocks += [_escape(section.legend)] if section.legend else []
    blocks += ("---", *(_escape(line) for line in layout.closing))
    blocks += (_write_note(number, note) for number, note in enumerate(layout.notes, start=1))
    return "\n\n".join(blocks) + "\n"


def _write_runs(runs: Sequence[Run]) -> str:
    written = ""
    for before, run in pairwise((Run(""), *runs)):
        if run.note:
            written += f"{' ' if before.note else ''}[^{run.note}]"
            continue
        words = _emphasise(run.text) if run.is_checked else _escape(run.text)
        written += f"\\{words}" if before.text and words.startswith((".", "/")) else words
    return written


def _emphasise(text: str) -> str:
    core = _CORE.search(text)
    if core is None:
        return _escape(text)
    return f"{_escape(text[: core.start()])}*{_escape(core[0])}*{_escape(text[core.end() :])}"


def _start_line(written: str) -> str:
    """The paragraph, without what would make its beginning a list, a rule or a block of code."""
    return _ACTIVE_FIRST.sub(r"\1\\\2", written.lstrip(" \t"), count=1)


def _escape(text: str) -> str:
    return _ACTIVE.sub(r"\\\g<0>", clean(text)).replace("\n", "&#10;")


def _write_note(number: int, note: Note) -> str:
    """A footnote; it ends with a full stop, so that no reader can take it for the definition of a link."""
    link = f"{say('link', note.language)}<{note.link}>" if note.link else ""
    return f"[^{number}]: “{_escape(note.quote)}” — {_escape(note.source)}{link}{say('stop', note.language)}"
