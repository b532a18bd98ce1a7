"""Checks of a corpus folder: schema, dates, edges, facts, glossary, self-contained sentences, sources, no copied text."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from briefbot.ingest.front_matter import (
    AgencyEntry,
    FactEntry,
    FrontMatter,
    GlossaryEntry,
    describe_validation_error,
    load_yaml,
    split_front_matter,
)
from pydantic import BaseModel, ValidationError

from briefbot.errors import NotFoundError, RefusedDocumentError
from briefbot.sentences import split_sentences
from briefbot.terms import numbers_in

SHINGLE_WORDS = 8
SHINGLE_HAN = 16
"""Eight English words say about as much as sixteen Chinese characters."""

EARLIEST = dt.date(1990, 1, 1)
LONGEST_SENTENCE_WORDS = 60
YUAN_PER_DOLLAR = (6.0, 7.4)
"""Around the daily rates of 2020 to 2026, which stayed between about 6.3 and 7.35."""
ROUNDING = 0.01
"""Two statements of one fine may differ by this share, as RMB 2.99 billion and RMB 2.993 billion do."""

_NOT_DOCUMENTS = frozenset({"readme.md"})
_MONTH_NAMES = "January|February|March|April|May|June|July|August|September|October|November|December"
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES.split("|"), start=1)}
_DATE_EN = re.compile(rf"\b(\d{{1,2}}) ({_MONTH_NAMES}) (\d{{4}})\b")
_DATE_ZH = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_FIGURE = re.compile(
    rf"(?:RMB|USD|US\$|\$|¥|CNY|HKD)\s?\d|\d[\d,.]*\s?(?:percent|%|billion|million|trillion)|{_DATE_EN.pattern}"
    rf"|\d[\d,.]*(?:亿|万|%)|{_DATE_ZH.pattern}"
)
_WORD = re.compile(r"[a-z0-9]+(?:['’][a-z]+)?|[\u4e00-\u9fff]")
_ENDING = frozenset({"amends", "supersedes", "repeals", "drafts"})
_SINGLE_DATES = frozenset({"adoption_date", "effective_date"})
"""Dates that a version of a text has once; the other kinds of fact may hold several values of one subject."""

_Row = TypeVar("_Row", bound=BaseModel)


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
    agencies, faulty_agencies = load_agencies(folder)
    defects += faulty_agencies
    for file in files:
        defects += _check_identity(file)
        defects += _check_dates(file)
        defects += _check_issuers(file, agencies)
        defects += _check_sources(file)
        defects += _check_edges(file, by_id)
        defects += _check_sentences(file, agencies)
    defects += _check_cycles(by_id)
    defects += _check_stable_ids(folder, by_id)
    defects += check_facts(folder, by_id)
    defects += check_glossary(folder, by_id, agencies)
    if originals is not None and originals.is_dir():
        defects += _check_copying(files, originals)
    return sorted(defects, key=lambda defect: (defect.file, defect.field))


def _check_stable_ids(folder: Path, by_id: Mapping[str, CorpusFile]) -> Iterator[Defect]:
    """Ids that `ids.yaml` has and the corpus lost, since answers and links elsewhere keep them, and new ones not in it yet.

    A corpus without that file is not checked.
    """
    path = folder / "ids.yaml"
    if not path.is_file():
        return
    content, defects = _read_yaml(path, list)
    yield from defects
    if defects:
        return
    known = {str(id_) for id_ in content or ()}
    for id_ in sorted(known - by_id.keys()):
        yield Defect(path.name, id_, "a document that keeps this id", "none")
    for id_ in sorted(by_id.keys() - known):
        yield Defect(path.name, id_, "a line for every document", "none")


def load_agencies(folder: Path) -> tuple[dict[str, AgencyEntry], list[Defect]]:
    """The agency list of a corpus folder, or of the nearest folder above it; faulty entries become defects."""
    candidates = (parent / "agencies.yaml" for parent in (folder, *folder.parents[:2]))
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        return {}, []
    content, defects = _read_yaml(path, dict)
    agencies: dict[str, AgencyEntry] = {}
    for code, fields in (content or {}).items():
        try:
            agencies[str(code)] = AgencyEntry.model_validate(fields)
        except ValidationError as error:
            defects += _describe_row(path.name, str(code), error)
    return agencies, defects


def _read_yaml(path: Path, expected: type[dict[Any, Any]] | type[list[Any]]) -> tuple[Any, list[Defect]]:
    """The content of a YAML file (None where it is empty or faulty) and its defects."""
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except (RefusedDocumentError, UnicodeDecodeError) as error:
        return None, [Defect(path.name, "file", f"a YAML {expected.__name__} in UTF-8", str(error)[:200])]
    if content is None or isinstance(content, expected):
        return content, []
    return None, [Defect(path.name, "file", f"a YAML {expected.__name__}", type(content).__name__)]


def _load_rows(path: Path, schema: type[_Row]) -> tuple[list[_Row], list[Defect]]:
    """The rows of a YAML list, none where there is no such file; faulty rows become defects."""
    if not path.is_file():
        return [], []
    content, defects = _read_yaml(path, list)
    rows: list[_Row] = []
    for number, fields in enumerate(content or []):
        try:
            rows.append(schema.model_validate(fields))
        except ValidationError as error:
            label = fields.get("id", number) if isinstance(fields, dict) else number
            defects += _describe_row(path.name, str(label), error)
    return rows, defects


def _describe_row(name: str, label: str, error: ValidationError) -> list[Defect]:
    faults = describe_validation_error(error)
    return [Defect(name, f"{label}.{field}", expected, got) for field, expected, got in faults]


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


def _names_of(file: CorpusFile, agencies: Mapping[str, AgencyEntry]) -> list[str]:
    front = file.front
    names = [*front.names, *front.companies, front.title, front.title_zh or ""]
    names += [name for agency in agencies.values() for name in agency.all_names()]
    return [name.casefold() for name in names if name]


def _check_sentences(file: CorpusFile, agencies: Mapping[str, AgencyEntry]) -> Iterator[Defect]:
    """Sentences with an amount or date that name nobody, and sentences too long to quote."""
    names = _names_of(file, agencies)
    for sentence in file.sentences():
        if _FIGURE.search(sentence) and not any(name in sentence.casefold() for name in names):
            yield Defect(file.name, "body", "a subject named in each sentence with an amount or date", sentence[:160])
        if len(sentence.split()) > LONGEST_SENTENCE_WORDS:
            yield Defect(file.name, "body", f"sentences of at most {LONGEST_SENTENCE_WORDS} words", sentence[:160])


def check_facts(folder: Path, by_id: Mapping[str, CorpusFile]) -> Iterator[Defect]:
    """Facts that their document does not state, that are said twice, or that contradict each other."""
    facts, defects = _load_rows(folder / "facts.yaml", FactEntry)
    yield from defects
    seen: set[str] = set()
    for fact in facts:
        if fact.id in seen:
            yield Defect("facts.yaml", fact.id, "an id used once", "a second row")
        seen.add(fact.id)
        yield from _check_fact(fact, by_id)
    yield from _check_contradictions(facts, by_id)


def _check_fact(fact: FactEntry, by_id: Mapping[str, CorpusFile]) -> Iterator[Defect]:
    file = by_id.get(fact.document)
    if file is None:
        yield Defect("facts.yaml", f"{fact.id}.document", "a document of this corpus", fact.document)
    elif fact.sentence not in file.body:
        yield Defect("facts.yaml", f"{fact.id}.sentence", f"a sentence of {fact.document}", fact.sentence[:120])
    if fact.as_written not in fact.sentence:
        yield Defect("facts.yaml", f"{fact.id}.as_written", "words of its sentence", fact.as_written)
    elif not _value_matches(fact.value, fact.as_written):
        yield Defect("facts.yaml", f"{fact.id}.value", f"the value of {fact.as_written!r}", str(fact.value))
    if fact.converted:
        yield from _check_conversion(fact, fact.converted)


def _check_conversion(fact: FactEntry, converted: FactEntry.Converted) -> Iterator[Defect]:
    """A conversion that the sentence does not state, or at a rate that never was."""
    field = f"{fact.id}.converted"
    if converted.as_written not in fact.sentence:
        yield Defect("facts.yaml", field, "words of its sentence", converted.as_written)
    elif not _value_matches(converted.value, converted.as_written):
        yield Defect("facts.yaml", field, f"the value of {converted.as_written!r}", str(converted.value))
    amounts = {fact.unit: fact.value, converted.unit: converted.value}
    yuan, dollars = amounts.get("CNY"), amounts.get("USD")
    if not isinstance(yuan, float) or not isinstance(dollars, float):
        return
    lowest, highest = YUAN_PER_DOLLAR
    if not lowest * dollars <= yuan <= highest * dollars:
        rate = f"{yuan / dollars:.2f}" if dollars else "no dollars"
        yield Defect("facts.yaml", field, f"{lowest} to {highest} yuan to the dollar", rate)


def _check_contradictions(facts: Sequence[FactEntry], by_id: Mapping[str, CorpusFile]) -> Iterator[Defect]:
    """Rows on one subject that cannot all be true: other dates, or other fines of the same year.

    Two values agree where one document states both (a text that takes effect in two steps), or where two versions of
    one text state one each (the law and its amendment).
    """
    groups: dict[tuple[str, str, str], list[FactEntry]] = {}
    for fact in (fact for fact in facts if fact.document in by_id):
        groups.setdefault((fact.subject.casefold(), fact.what, fact.unit), []).append(fact)
    families = _families(by_id)
    for rows in groups.values():
        stated: dict[object, set[str]] = {}
        for row in rows:
            stated.setdefault(row.value, set()).add(families[row.document])
        for first, second in combinations(rows, 2):
            if _contradict(first, second) and stated[first.value].isdisjoint(stated[second.value]):
                expected = f"{first.value}, as {first.id} of {first.document} has it"
                yield Defect("facts.yaml", f"{second.id}.value", expected, str(second.value))


def _contradict(first: FactEntry, second: FactEntry) -> bool:
    """Whether two rows on one subject, of one kind and unit, exclude each other."""
    if first.what in _SINGLE_DATES:
        return first.value != second.value
    if first.what != "fine" or not isinstance(first.value, float) or not isinstance(second.value, float):
        return False
    same_year = not set(_YEAR.findall(first.sentence)).isdisjoint(_YEAR.findall(second.sentence))
    return same_year and abs(first.value - second.value) > ROUNDING * max(abs(first.value), abs(second.value))


def _families(by_id: Mapping[str, CorpusFile]) -> dict[str, str]:
    """For each document a name shared by all versions of its text, drafts among them."""
    families = {identifier: identifier for identifier in by_id}
    for identifier, file in by_id.items():
        for edge in file.front.edges:
            if edge.type in _ENDING and edge.target in families:
                kept, joined = families[identifier], families[edge.target]
                families = {key: kept if family == joined else family for key, family in families.items()}
    return families


def _value_matches(value: dt.date | float | str, written: str) -> bool:
    if isinstance(value, dt.date):
        dates = [(year, month, day) for year, month, day, _ in _dates_in(written)]
        if dates:
            return (value.year, value.month, value.day) in dates
        return str(value.year) in written
    if isinstance(value, float):
        return any(abs(number - value) <= 1e-6 * max(1.0, abs(value)) for number in numbers_in(written))
    return True


_STATED_FACT = re.compile(
    r"\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December) \d{4}"
    r"|\d[\d,.]*\s?(?:million|billion|trillion|percent)\b"
)


def check_glossary(
    folder: Path, by_id: Mapping[str, CorpusFile], agencies: Mapping[str, AgencyEntry]
) -> Iterator[Defect]:
    """Entries with an id or name used twice, that list a document which is missing or holds none of their names, or whose

    meaning states what only documents may: an exact day or an amount, which needs a date and sources.
    """
    entries, defects = _load_rows(folder / "glossary.yaml", GlossaryEntry)
    yield from defects
    texts = {identifier: _searchable_text(file, agencies) for identifier, file in by_id.items()}
    used: dict[tuple[str, str], str] = {}
    for entry in entries:
        for field, value in (("id", entry.id), ("en", entry.en), ("zh", entry.zh)):
            key = (field, value.casefold())
            if key in used:
                yield Defect("glossary.yaml", f"{entry.id}.{field}", f"{field} used once", f"{value}, also {used[key]}")
            used[key] = entry.id
        stated = _STATED_FACT.search(entry.meaning)
        if stated:
            yield Defect("glossary.yaml", f"{entry.id}.meaning", "a meaning without exact days and amounts", stated[0])
        pattern = _pattern_of(entry.all_names())
        for identifier in entry.documents:
            if identifier not in texts:
                yield Defect("glossary.yaml", f"{entry.id}.documents", "a document of this corpus", identifier)
            elif not pattern.search(texts[identifier]):
                expected = f"a document that holds one of the names {', '.join(entry.all_names())}"
                yield Defect("glossary.yaml", f"{entry.id}.documents", expected, identifier)


def _pattern_of(names: Sequence[str]) -> re.Pattern[str]:
    """Matches any of the names as whole words; abbreviations in capitals only, so that MOST is not "most"."""
    patterns = []
    for name in names:
        left = r"(?<![A-Za-z0-9])" if name[0].isascii() else ""
        right = r"(?![A-Za-z0-9])" if name[-1].isascii() else ""
        flags = "" if name.isupper() else "i"
        patterns.append(f"{left}(?{flags}:{re.escape(name)}){right}")
    return re.compile("|".join(patterns))


def _searchable_text(file: CorpusFile, agencies: Mapping[str, AgencyEntry]) -> str:
    """What a document says it is about: titles, names, companies and issuers, then its body."""
    front = file.front
    issuers = [name for code in front.issuer if code in agencies for name in agencies[code].all_names()]
    return "\n".join([front.title, front.title_zh or "", *front.names, *front.companies, *issuers, file.body])


def _shingles(text: str) -> set[tuple[str, ...]]:
    """Runs long enough to show copying: 8 English words or numbers, 16 Chinese characters, or a mixture."""
    words = _WORD.findall(text.lower())
    weights = [1 if word >= "\u4e00" else SHINGLE_HAN // SHINGLE_WORDS for word in words]
    runs: set[tuple[str, ...]] = set()
    end = weight = 0
    for start in range(len(words)):
        while end < len(words) and weight < SHINGLE_HAN:
            weight += weights[end]
            end += 1
        if weight < SHINGLE_HAN:
            break
        runs.add(tuple(words[start:end]))
        weight -= weights[start]
    return runs


def _check_copying(files: Sequence[CorpusFile], originals: Path) -> Iterator[Defect]:
    paths = [path for path in sorted(originals.rglob("*")) if path.suffix in {".txt", ".md"}]
    texts = {path.relative_to(originals).as_posix(): _shingles(path.read_text(encoding="utf-8")) for path in paths}
    for file in files:
        for sentence in file.sentences():
            runs = _shingles(sentence)
            for name, shingles in texts.items():
                shared = runs & shingles
                if shared:
                    run = " ".join(min(shared))
                    yield Defect(file.name, "body", f"our own words, no run shared with {name}", run)
