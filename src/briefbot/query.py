"""What is really asked: the question made standalone, its language, and the kind of thing it asks for."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Literal

from briefbot.errors import UsageError
from briefbot.glossary import Glossary
from briefbot.models import Filters, Language, Query, Turn
from briefbot.terms import is_chinese, query_terms

LONGEST_QUESTION_CHARS = 2000

Asked = Literal["amount", "date", "who", "other"]
"""The kind of thing a question asks for, where its words tell."""

_ASKED: tuple[tuple[Asked, re.Pattern[str]], ...] = (
    (
        "amount",
        re.compile(
            r"\bhow (?:much|many|large|big|high)\b|\bwhat (?:fine|amount|sum|percentage|share|threshold)\b"
            r"|多少|几(?:个|家|条|项|次)|罚款|金额|比例",
            re.IGNORECASE,
        ),
    ),
    (
        "date",
        re.compile(
            r"\bwhen\b|\b(?:what|which) (?:date|day|year|month)\b|\bhow long\b"
            r"|何时|什么时候|哪(?:一)?[年天月日]|几月|多久|生效日期|施行日期",
            re.IGNORECASE,
        ),
    ),
    (
        "who",
        re.compile(
            r"\bwho(?:m|se)?\b|\bwhich (?:agency|body|ministry|regulator|authority|company)\b|谁|哪个(?:部门|机构)|哪家",
            re.IGNORECASE,
        ),
    ),
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FOLLOW_UP = re.compile(
    r"^(?:and|what about|how about|then|so|but)\b"
    r"|\b(?:it|its|they|their|them|he|she|that|this|those|these)\b"
    r"|^(?:那|那么|还有|它|他|她|其)|(?:它|他|她|该公司|这个|那个|此)",
    re.IGNORECASE,
)
_SHORT_QUESTION_TERMS = 3


def make_query(
    question: str,
    *,
    history: Sequence[Turn] = (),
    as_of: dt.date | None = None,
    filters: Filters | None = None,
    glossary: Glossary | None = None,
) -> Query:
    """Check a question and make it standalone; raises `UsageError` where it is empty or too long."""
    cleaned = clean_question(question)
    standalone = _make_standalone(cleaned, history)
    language: Language = "zh" if is_chinese(cleaned) else "en"
    return Query(
        question=cleaned,
        standalone=standalone,
        language=language,
        as_of=as_of,
        filters=filters or Filters(),
        translation=glossary.translate(standalone, language) if glossary else "",
    )


def clean_question(question: str) -> str:
    """The question without control characters and outer space; raises `UsageError` where nothing or too much is left."""
    cleaned = _CONTROL.sub(" ", _SURROGATE.sub("", question)).strip()
    if not 1 <= len(cleaned) <= LONGEST_QUESTION_CHARS:
        raise UsageError(
            f"question: expected 1 to {LONGEST_QUESTION_CHARS:,} characters; got {len(cleaned):,}; "
            + ("ask something" if not cleaned else "shorten it"),
            expected=f"1 to {LONGEST_QUESTION_CHARS} characters",
            got=f"{len(cleaned)} characters",
        )
    return cleaned


def asked_for(question: str) -> Asked:
    """The kind of thing the question asks for: an amount, a date, a body or person, or anything else."""
    return next((kind for kind, pattern in _ASKED if pattern.search(question)), "other")


def _make_standalone(question: str, history: Sequence[Turn]) -> str:
    """The question with the previous question before it where it leans on it (a pronoun, or too few words of its own)."""
    earlier = [turn.content for turn in history if turn.role == "user" and turn.content.strip()]
    if not earlier:
        return question
    leans = _FOLLOW_UP.search(question) or len(query_terms(question)) <= _SHORT_QUESTION_TERMS
    return f"{clean_question(earlier[-1][-LONGEST_QUESTION_CHARS:])} {question}" if leans else question
