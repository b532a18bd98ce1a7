"""Names of the field in both languages: what a question's names are called in the other one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from briefbot.errors import StorageError
from briefbot.models import Language
from briefbot.terms import fold, is_chinese

SHORTEST_CHINESE_NAME = 2
MOST_NAMES = 8
"""Names of a question that are put into the other language; more of them would drown the question."""


@dataclass(frozen=True, slots=True)
class GlossaryEntry:
    """One thing with its names in both languages, the usual one first."""

    id: str
    kind: str
    meaning: str
    en: tuple[str, ...]
    zh: tuple[str, ...]

    def names(self, language: Language) -> tuple[str, ...]:
        """Its names in a language."""
        return self.zh if language == "zh" else self.en


class Glossary:
    """Finds the names that stand in a text, and their names in the other language."""

    def __init__(self, entries: Iterable[GlossaryEntry]) -> None:
        self.entries = tuple(entries)
        self._english: dict[str, list[GlossaryEntry]] = {}
        self._chinese: dict[str, list[GlossaryEntry]] = {}
        for entry in self.entries:
            for name in entry.en:
                self._english.setdefault(_english_key(name), []).append(entry)
            for name in entry.zh:
                if len(name) >= SHORTEST_CHINESE_NAME:
                    self._chinese.setdefault(fold(name), []).append(entry)
        longest_first = sorted(self._english, key=lambda name: (-len(name), name))
        words = "|".join(re.escape(name) for name in longest_first if name != name.upper())
        abbreviations = "|".join(re.escape(name) for name in longest_first if name == name.upper())
        self._words = re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None
        self._abbreviations = re.compile(rf"(?<!\w)(?:{abbreviations})(?!\w)") if abbreviations else None

    def find(self, text: str, language: Language) -> list[GlossaryEntry]:
        """The entries named in a text, longest names first; a name inside a longer one found is left out.

        English names match as whole words; abbreviations in capitals only in capitals, so that MOST is not "most".
        """
        names = self._find_chinese(text) if language == "zh" else self._find_english(text)
        found: dict[str, GlossaryEntry] = {}
        for name in names:
            for entry in (self._chinese if language == "zh" else self._english)[name]:
                found.setdefault(entry.id, entry)
        return list(found.values())

    def names_in(self, text: str, language: Language) -> list[str]:
        """The names themselves that stand in a text, as the text writes them, longest first."""
        if language == "zh":
            return self._find_chinese(text)
        written = {" ".join(name.casefold().split()): name for name in self._spellings(text)}
        return [written.get(name, name) for name in self._find_english(text)]

    def unify(self, text: str) -> str:
        """The text with every name it holds as one made-up word, the same for all names of a thing in both languages."""
        unified = " ".join(text.split())
        for language in ("en", "zh"):
            table = self._chinese if language == "zh" else self._english
            for name in self._find_chinese(unified) if language == "zh" else self._find_english(unified):
                word = unified_word(table[name][0])
                flags = re.IGNORECASE if name != name.upper() or language == "zh" else re.NOFLAG
                pattern = re.escape(name) if language == "zh" else rf"(?<!\w){re.escape(name)}(?:['’]s)?(?!\w)"
                unified = re.sub(pattern, f" {word} ", unified, flags=flags)
        return unified

    def _spellings(self, text: str) -> list[str]:
        flat = " ".join(text.split())
        return (
            [flat[match.start() : match.end()] for match in self._words.finditer(flat.casefold())]
            if self._words
            else []
        )

    def _find_english(self, text: str) -> list[str]:
        found: list[str] = []
        if self._words:
            found += self._words.findall(" ".join(text.casefold().split()))
        if self._abbreviations:
            found += self._abbreviations.findall(text)
        return sorted(found, key=len, reverse=True)

    def _find_chinese(self, text: str) -> list[str]:
        rest = fold(text)
        found: list[str] = []
        for name in sorted((name for name in self._chinese if name in rest), key=len, reverse=True):
            if name in rest:
                found.append(name)
                rest = rest.replace(name, "\x00")
        return found

    def translate(self, text: str, language: Language) -> str:
        """The usual names, in the other language, of what a text in `language` names; empty where it names nothing."""
        other: Language = "en" if language == "zh" else "zh"
        entries = self.find(text, language)[:MOST_NAMES]
        return " ".join(entry.names(other)[0] for entry in entries if entry.names(other))


def unified_word(entry: GlossaryEntry) -> str:
    """The made-up word that `Glossary.unify` puts in place of an entry's names."""
    return "x" + re.sub(r"[^a-z]", "", entry.id)


def _english_key(name: str) -> str:
    """Abbreviations keep their capitals; other names are compared without case."""
    return name if name == name.upper() else " ".join(name.casefold().split())


@cache
def load_glossary(path: Path) -> Glossary:
    """The glossary in a YAML file; one without entries where there is no such file."""
    if not path.is_file():
        return Glossary(())
    try:
        rows = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        return Glossary([_make_entry(row) for row in rows or ()])
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"expected a glossary at {path}; got {type(error).__name__}: {error}; run corpus lint"
        ) from error


def _make_entry(row: Mapping[str, Any]) -> GlossaryEntry:
    former = row.get("former") or []
    return GlossaryEntry(
        id=row["id"],
        kind=row["kind"],
        meaning=row["meaning"],
        en=(row["en"], *(row.get("also_en") or ()), *(name for name in former if not is_chinese(name))),
        zh=(row["zh"], *(row.get("also_zh") or ()), *(name for name in former if is_chinese(name))),
    )
