"""Checks of a corpus folder: schema, dates, edges, facts, self-contained sentences, sources, and no copied text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from briefbot.ingest.front_matter import (
    FactEntry,
    FrontMatter,
    describe_validation_error,
    load_yaml,
    split_front_matter,
)
from pydantic import ValidationError

from briefbot.errors import NotFoundError, RefusedDocumentError
from briefbot.sentences import split_sentences
from briefbot.terms import numbers_in

SHINGLE_WORDS = 8
SHINGLE_HAN = 16
"""Eight English words say about as much as sixteen Chinese characters."""

EARLIEST = dt.date(1990, 1, 1)
LONGEST_SENTENCE_WORDS = 60

_NOT_DOCUMENTS = frozenset({"readme.md"})
_DATE_EN = re.compile(
    r"\b(\d{1,2}) (January|February|March|April|May|June|July|August|September|October|November|December) (\d{4})\b"
)
_DATE_ZH = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_MONTHS = {
    name: number
    for number, name in enumerate(
        [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
        start=1,
    )
}
_FIGURE = re.compile(
    rf"(?:RMB|USD|US\$|\$|¥|CNY|HKD)\s?\d|\d[\d,.]*\s?(?:percent|%|billion|million|trillion)|{_DATE_EN.pattern}"
    rf"|\d[\d,.]*(?:亿|万|%)|{_DATE_ZH.pattern}"
)
_WORD = re.compile(r"[a-z0-9]+(?:['’][a-z]+)?|[\u4e00-\u9fff]")
_ENDING = frozenset({"amends", "supersedes", "repeals", "drafts"})


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing wrong in one field of one file."""

    file: str
    field: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: expected {self.expected}; got {self.got}"


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """A corpus file whose front matter is valid."""

    path: Path
    front: FrontMatter
    body: str

    @property
    def name(self) -> str:
        """The file's name relative to its folder, as defects show it."""
        return f"{self.path.parent.name}/{self.path.name}"

    def sentences(self) -> list[str]:
        """The body's sentences, headings left out."""
        found = []
        for start, end in split_sentences(self.body):
            line_start = self.body.rfind("\n", 0, start) + 1
            if not self.body[line_start:start].lstrip().startswith("#"):
                found.append(self.body[start:end])
        return found


def find_corpus_files(folder: Path) -> list[Path]:
    """The Markdown documents below a folder, in name order, without README files."""
    if not folder.exists():
        raise NotFoundError(f"expected a corpus folder or file; got {folder}, which does not exist; check the path")
    if folder.is_file():
        return [folder]
    return sorted(path for path in folder.rglob("*.md") if path.name.lower() not in _NOT_DOCUMENTS)


def load_corpus_folder(folder: Path) -> tuple[list[CorpusFile], list[Defect]]:
    """Read every document below a folder; files with faulty front matter become defects."""
    files: list[CorpusFile] = []
    defects: list[Defect] = []
    for path in find_corpus_files(folder):
        name = f"{path.parent.name}/{path.name}"
        try:
            fields, body = split_front_matter(path.read_text(encoding="utf-8"))
        except (RefusedDocumentError, UnicodeDecodeError) as error:
            defects.append(Defect(name, "front matter", "UTF-8 text with YAML front matter", str(error)[:200]))
            continue
        if fields is None:
            defects.append(Defect(name, "front matter", "a block between two --- lines", "none"))
            continue
        try:
            files.append(CorpusFile(path, FrontMatter.model_validate(fields), body))
        except ValidationError as error:
            defects += [Defect(name, field, expected, got) for field, expected, got in describe_validation_error(error)]
    return files, defects


def lint_corpus(folder: Path, *, originals: Path | None = None) -> list[Defect]:
    """All defects of a corpus folder, in file order.

    `originals`: a folder of outside texts that no sentence may be shared with (runs of 8 English words or 16 Chinese
    characters); None where there is none to compare with.
    """
    files, defects = load_corpus_folder(folder)
    by_id: dict[str, CorpusFile] = {}
    for file in files:
        if file.front.id in by_id:
            defects.append(
                Defect(file.name, "id", "an id used once", f"{file.front.id}, also {by_id[file.front.id].name}")
            )
        by_id[file.front.id] = file
    agencies = load_agencies(folder)
    for file in files:
        defects += _check_identity(file)
        defects += _check_dates(file)
        defects += _check_issuers(file, agencies)
        defects += _check_sources(file)
        defects += _check_edges(file, by_id)
        defects += _check_sentences(file, agencies)
    defects += _check_cycles(by_id)
    defects += check_facts(folder, by_id)
    if originals is not None and originals.is_dir():
        defects += _check_copying(files, originals)
    return sorted(defects, key=lambda defect: (defect.file, defect.field))


def load_agencies(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """The agency list of a corpus folder, or of the nearest folder above it; empty where there is none."""
    for candidate in (folder, *folder.parents[:2]):
        path = candidate / "agencies.yaml"
        if path.is_file():
            agencies: Mapping[str, Mapping[str, Any]] = load_yaml(path.read_text(encoding="utf-8"))
            return agencies
    return {}


def _check_identity(file: CorpusFile) -> Iterator[Defect]:
    if file.front.id != file.path.stem:
        yield Defect(file.name, "id", f"the file's name, {file.path.stem}", file.front.id)
    if not file.body:
        yield Defect(file.name, "body", "text after the front matter", "nothing")
    if file.front.title_zh is None and file.front.language == "en":
        yield Defect(file.name, "title_zh", "the Chinese title", "null")


def _check_dates(file: CorpusFile) -> Iterator[Defect]:
    front = file.front
    if front.published < EARLIEST:
        yield Defect(file.name, "published", f"a day from {EARLIEST} on", str(front.published))
    if front.effective_from and front.effective_from < front.published:
        yield Defect(
            file.name, "effective_from", f"a day from publication ({front.published}) on", str(front.effective_from)
        )
    if front.stage == "draft" and front.effective_from:
        yield Defect(file.name, "effective_from", "null for a draft", str(front.effective_from))
    for year, month, day, written in _dates_in(file.body):
        try:
            dt.date(year, month, day)
        except ValueError:
            yield Defect(file.name, "body", "possible dates", written)


def _dates_in(text: str) -> Iterator[tuple[int, int, int, str]]:
    for match in _DATE_EN.finditer(text):
        yield int(match[3]), _MONTHS[match[2]], int(match[1]), match[0]
    for match in _DATE_ZH.finditer(text):
        yield int(match[1]), int(match[2]), int(match[3]), match[0]


def _check_issuers(file: CorpusFile, agencies: Mapping[str, object]) -> Iterator[Defect]:
    for code in file.front.issuer:
        if agencies and code not in agencies:
            yield Defect(file.name, "issuer", "a code of agencies.yaml", code)


def _check_sources(file: CorpusFile) -> Iterator[Defect]:
    publishers = {source.publisher.casefold() for source in file.front.sources}
    if len(publishers) < 2:
        yield Defect(file.name, "sources", "at least two different publishers", ", ".join(sorted(publishers)))
    for source in file.front.sources:
        if source.date and source.date > file.front.checked_on:
            yield Defect(file.name, "sources.date", f"a day up to checked_on {file.front.checked_on}", str(source.date))


def _check_edges(file: CorpusFile, by_id: Mapping[str, CorpusFile]) -> Iterator[Defect]:
    front = file.front
    for edge in front.edges:
        field = f"edges.{edge.type}"
        target = by_id.get(edge.target)
        if target is None:
            yield Defect(file.name, field, "the id of a document in this corpus", edge.target)
            continue
        if edge.words not in file.body:
            yield Defect(file.name, f"{field}.words", "words that stand in the body", edge.words[:120])
        if edge.type == "drafts" and (front.stage != "draft" or target.front.stage != "adopted"):
            yield Defect(
                file.name, field, "a link from a draft to an adopted text", f"{front.stage} -> {target.front.stage}"
            )
        if edge.type in _ENDING:
            first, second = (front, target.front) if edge.type == "drafts" else (target.front, front)
            if first.published > second.published:
                yield Defect(
                    file.name,
                    field,
                    f"{first.id} published before {second.id}",
                    f"{first.published} > {second.published}",
                )
        mirrored = any(back.target == front.id and back.type == edge.type for back in target.front.edges)
        if mirrored and edge.type in _ENDING:
            yield Defect(file.name, field, f"a link in one direction only ({edge.target})", "links both ways")


def _check_cycles(by_id: Mapping[str, CorpusFile]) -> Iterator[Defect]:
    """Chains of replacement that come back to where they began."""
    for start in by_id:
        trail, frontier = {start}, [start]
        while frontier:
            node = frontier.pop()
            edges = by_id[node].front.edges if node in by_id else []
            for edge in edges:
                if edge.type not in _ENDING:
                    continue
                if edge.target == start:
                    yield Defect(by_id[start].name, "edges", "no cycle of replacing edges", f"{start} reaches itself")
                    frontier = []
                    break
                if edge.target not in trail:
                    trail.add(edge.target)
                    frontier.append(edge.target)


def _names_of(file: CorpusFile, agencies: Mapping[str, Mapping[str, Any]]) -> list[str]:
    names = [*file.front.names, *file.front.companies, file.front.title]
    if file.front.title_zh:
        names.append(file.front.title_zh)
    for agency in agencies.values():
        names += [agency["name"], agency["name_zh"], *agency.get("short", []), *agency.get("former", [])]
    return [name.casefold() for name in names if name]


def _check_sentences(file: CorpusFile, agencies: Mapping[str, Mapping[str, Any]]) -> Iterator[Defect]:
    """Sentences with an amount or date that name nobody, and sentences too long to quote."""
    names = _names_of(file, agencies)
    for sentence in file.sentences():
        if _FIGURE.search(sentence) and not any(name in sentence.casefold() for name in names):
            yield Defect(file.name, "body", "a subject named in each sentence with an amount or date", sentence[:160])
        if len(sentence.split()) > LONGEST_SENTENCE_WORDS:
            yield Defect(file.name, "body", f"sentences of at most {LONGEST_SENTENCE_WORDS} words", sentence[:160])


def load_facts(folder: Path) -> tuple[list[FactEntry], list[Defect]]:
    """The rows of `facts.yaml` in a corpus folder; faulty rows become defects."""
    path = folder / "facts.yaml"
    if not path.is_file():
        return [], []
    try:
        rows = load_yaml(path.read_text(encoding="utf-8"))
    except RefusedDocumentError as error:
        return [], [Defect(path.name, "file", "a YAML list of facts", str(error)[:200])]
    facts: list[FactEntry] = []
    defects: list[Defect] = []
    for number, row in enumerate(rows or []):
        try:
            facts.append(FactEntry.model_validate(row))
        except ValidationError as error:
            label = row.get("id", number) if isinstance(row, dict) else number
            defects += [
                Defect(path.name, f"{label}.{field}", expected, got)
                for field, expected, got in describe_validation_error(error)
            ]
    return facts, defects


def check_facts(folder: Path, by_id: Mapping[str, CorpusFile]) -> Iterator[Defect]:
    """Facts whose sentence is not in their document, or whose figure is not in their sentence, or said twice."""
    facts, defects = load_facts(folder)
    yield from defects
    seen: set[str] = set()
    for fact in facts:
        if fact.id in seen:
            yield Defect("facts.yaml", fact.id, "an id used once", "a second row")
        seen.add(fact.id)
        file = by_id.get(fact.document)
        if file is None:
            yield Defect("facts.yaml", f"{fact.id}.document", "a document of this corpus", fact.document)
        elif fact.sentence not in file.body:
            yield Defect("facts.yaml", f"{fact.id}.sentence", f"a sentence of {fact.document}", fact.sentence[:120])
        if fact.as_written not in fact.sentence:
            yield Defect("facts.yaml", f"{fact.id}.as_written", "words of its sentence", fact.as_written)
        elif not _value_matches(fact.value, fact.as_written):
            yield Defect("facts.yaml", f"{fact.id}.value", f"the value of {fact.as_written!r}", str(fact.value))
        if fact.converted and fact.converted.as_written not in fact.sentence:
            yield Defect("facts.yaml", f"{fact.id}.converted", "words of its sentence", fact.converted.as_written)


def _value_matches(value: dt.date | float | str, written: str) -> bool:
    if isinstance(value, dt.date):
        dates = [(year, month, day) for year, month, day, _ in _dates_in(written)]
        if dates:
            return (value.year, value.month, value.day) in dates
        return str(value.year) in written
    if isinstance(value, float):
        return any(abs(number - value) <= 1e-6 * max(1.0, abs(value)) for number in numbers_in(written))
    return True


def _tokens(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _shingles(text: str) -> set[tuple[str, ...]]:
    """Runs of words long enough to show copying: 8 English words, or 16 Chinese characters."""
    tokens = _tokens(text)
    runs: set[tuple[str, ...]] = set()
    for start in range(len(tokens)):
        length = SHINGLE_HAN if len(tokens[start]) == 1 and tokens[start] >= "\u4e00" else SHINGLE_WORDS
        if start + length <= len(tokens):
            runs.add(tuple(tokens[start : start + length]))
    return runs


def _check_copying(files: Sequence[CorpusFile], originals: Path) -> Iterator[Defect]:
    paths = [path for path in sorted(originals.rglob("*")) if path.suffix in {".txt", ".md"}]
    texts = {path.name: _shingles(path.read_text(encoding="utf-8")) for path in paths}
    for file in files:
        for sentence in file.sentences():
            runs = _shingles(sentence)
            for name, shingles in texts.items():
                shared = runs & shingles
                if shared:
                    run = " ".join(min(shared))
                    yield Defect(file.name, "body", f"our own words, no run shared with {name}", run)
