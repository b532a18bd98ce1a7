"""Cases for a user's own material: a template to fill in, and drafts from dates, amounts and definitions in their documents."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from briefbot.eval.cases import Case, NeededFact

from briefbot.errors import UsageError
from briefbot.models import Document, Language
from briefbot.sentences import split_sentences
from briefbot.terms import is_chinese

DRAFT_NOTE = "draft: read the source, reword the question in your own words, then remove this note"
MOST_DRAFTS_PER_DOCUMENT = 5
SHORTEST_SENTENCE_CHARS = 20
LONGEST_SENTENCE_CHARS = 260

README = """# Reference questions of your own

`cases.jsonl` holds one question a line. Change the examples, add yours, then run

    briefbot eval run --cases {folder}/cases.jsonl --report {folder}/report

Fields: `id` (unique), `split` (dev or test), `language` (en or zh), `kind`, `question`, `needed` (facts a right answer
holds, each with every written form that will do; numbers, dates and currencies are compared whatever way they are written),
`documents` (ids of the documents that hold them, see `briefbot corpus list`), `outcome` (answer; or abstain for questions that
your documents do not answer, with `needed` and `documents` empty). Optional: `as_of`, `filters`, `history` with `standalone`,
`forbidden_documents`, `note`. `briefbot eval suggest` drafts questions from your documents for you to check.
"""

_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = re.compile(
    rf"\b\d{{1,2}} (?:{_MONTHS}) \d{{4}}\b|\b(?:{_MONTHS}) \d{{1,2}}, \d{{4}}\b|\d{{4}}年\d{{1,2}}月\d{{1,2}}日"
)
_AMOUNT = re.compile(
    r"(?:RMB|USD|US\$|EUR|HKD|[$€£¥]) ?\d[\d,.]*\d?(?: (?:thousand|million|billion|trillion))?|\d[\d,.]* ?(?:percent|%)"
    r"|\d[\d,.]*(?:万亿|亿|万)?(?:元|美元|人民币)|百分之[一二三四五六七八九十百]+"
)
_DEFINITION = re.compile(
    r"^(?P<term>[A-Z“\"][^.;:]{2,60}?) (?:means|refers to|is defined as) (?P<sense>.{15,})"
    r"|^(?:本[法条例办规定]+所称)?(?P<term_zh>[^，。；]{2,20})，?是指(?P<sense_zh>.{8,})"
)
_BLANK = {"en": "____", "zh": "____"}
_ASK = {
    ("date", "en"): "According to “{title}”, on which day: {rest}",
    ("date", "zh"): "根据《{title}》，下面的空格应填哪一天：{rest}",
    ("amount", "en"): "According to “{title}”, what amount belongs here: {rest}",
    ("amount", "zh"): "根据《{title}》，下面的空格应填什么数额：{rest}",
    ("other", "en"): "What does “{title}” mean by {term}?",
    ("other", "zh"): "《{title}》所称的“{term}”指什么？",
}


@dataclass(frozen=True, slots=True)
class _Find:
    """Something in a sentence that can be asked about."""

    kind: str
    answer: str
    sentence: str
    term: str = ""


def write_template(folder: Path) -> Path:
    """A folder with a README and two example cases; raises `UsageError` where one is there already."""
    path = folder / "cases.jsonl"
    if path.exists():
        raise UsageError(f"eval init: expected a folder without cases.jsonl; got {path}; choose another folder")
    examples = [
        {
            "id": "example-amount", "split": "dev", "language": "en", "kind": "amount",
            "question": "How much was Example Company fined?", "needed": [{"any": ["USD 5 million", "500万美元"]}],
            "documents": ["id-of-your-document"], "outcome": "answer", "note": "replace this example",
        },
        {
            "id": "example-unanswerable", "split": "dev", "language": "en", "kind": "unanswerable",
            "question": "Something that your documents do not say?", "needed": [], "documents": [],
            "outcome": "abstain", "note": "replace this example",
        },
    ]  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in examples), encoding="utf-8")
        (folder / "README.md").write_text(README.format(folder=folder), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"eval init: expected a folder that can be written; got {folder} ({error.strerror or error}); choose another"
        ) from error
    return path


def draft_cases(documents: Iterable[Document]) -> list[Case]:
    """Draft questions, at most five a document, with the words they were made from in their notes; for a person to reword.

    They repeat their source's words and so flatter any system: they are a start, not a benchmark.
    """
    return [case for document in documents for case in _draft(document)]


def _draft(document: Document) -> Iterator[Case]:
    seen: set[str] = set()
    for find in _find_askable(document.text):
        if len(seen) == MOST_DRAFTS_PER_DOCUMENT:
            return
        if find.answer not in seen:
            seen.add(find.answer)
            yield _make_case(document, find)


def _find_askable(text: str) -> Iterator[_Find]:
    for start, end in split_sentences(text):
        sentence = " ".join(text[start:end].split())
        if not SHORTEST_SENTENCE_CHARS <= len(sentence) <= LONGEST_SENTENCE_CHARS or sentence.startswith("#"):
            continue
        definition = _DEFINITION.match(sentence)
        if definition:
            term = (definition["term"] or definition["term_zh"]).strip("“”\"' ")
            sense = (definition["sense"] or definition["sense_zh"]).rstrip(".。")
            yield _Find("other", sense, sentence, term)
            continue
        for kind, answer in find_amounts_and_dates(sentence)[:1]:
            yield _Find(kind, answer, sentence)


def find_amounts_and_dates(text: str) -> list[tuple[Literal["amount", "date"], str]]:
    """What a text states in figures, as it writes them: its amounts in order, then its dates."""
    amounts: list[tuple[Literal["amount", "date"], str]]
    amounts = [("amount", found[0].strip(" ,.")) for found in _AMOUNT.finditer(text)]
    return [*amounts, *(("date", found[0]) for found in _DATE.finditer(text))]


def _make_case(document: Document, find: _Find) -> Case:
    language: Language = "zh" if is_chinese(find.sentence) else "en"
    title = (document.title_zh if language == "zh" else None) or document.title
    rest = find.sentence.replace(find.answer, _BLANK[language], 1)
    question = _ASK[find.kind, language].format(title=title, rest=rest, term=find.term)
    digest = hashlib.sha256(f"{document.id}\x1f{find.sentence}".encode()).hexdigest()
    return Case(
        id=f"draft-{document.id}-{digest[:8]}",
        split="dev",
        language=language,
        kind="amount" if find.kind == "amount" else "date" if find.kind == "date" else "list",
        question=question,
        needed=[NeededFact(any=[find.answer])],
        documents=[document.id],
        outcome="answer",
        note=DRAFT_NOTE,
    )
