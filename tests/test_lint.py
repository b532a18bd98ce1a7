"""The corpus check: a small valid corpus, defects planted in it one at a time, copied text, and the bundled corpus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from briefbot.ingest.lint import Defect, lint_corpus, load_corpus_folder

from briefbot.errors import NotFoundError

BUNDLED = Path(__file__).parents[1] / "ingest" / "corpus"
OUTSIDE_TEXTS = Path(__file__).parents[2] / "shared" / "corpus"

OLD, NEW, DRAFT = "rules/rule-robots-2021.md", "rules/rule-robots-2024.md", "rules/rule-robots-draft-2023.md"
FAIR = "events/event-robot-fair.md"
"""Linked to nothing, so that a fault in it leaves the other files faultless."""
FACTS, GLOSSARY, AGENCIES = "facts.yaml", "glossary.yaml", "agencies.yaml"

SOURCES = """\
sources:
  - publisher: Xinhua
    title: Robots under supervision
    url: https://example.org/xinhua
    date: 2024-03-02
    confirms: [dates]
  - publisher: Caixin
    title: New rules for robots
    confirms: [fine]
checked_on: 2024-06-01
"""

SMALL_CORPUS = {
    OLD: f"""\
---
id: rule-robots-2021
kind: rule
title: Robot Service Measures
title_zh: 机器人服务办法
names: [Robot Measures of 2021]
issuer: [SAMR]
authority: rule
force: binding
published: 2021-03-01
effective_from: 2021-05-01
topics: [ai]
{SOURCES}---

The Robot Measures of 2021 took effect on 1 May 2021.
""",
    NEW: f"""\
---
id: rule-robots-2024
kind: rule
title: Robot Service Measures (2024)
title_zh: 机器人服务办法（2024年版）
names: [Robot Measures]
issuer: [SAMR, MIIT]
authority: rule
force: binding
published: 2024-03-01
effective_from: 2024-05-01
effective_to: 2029-04-30
edges:
  - type: supersedes
    target: rule-robots-2021
    words: The Robot Measures replace the measures of 2021.
topics: [ai, competition-law]
companies: [Tinman]
{SOURCES}---

# Scope

The Robot Measures replace the measures of 2021. The Robot Measures took effect on 1 May 2024.

SAMR fined Tinman RMB 70 million, about USD 10 million at the time, in 2024.
""",
    DRAFT: f"""\
---
id: rule-robots-draft-2023
kind: rule
title: Robot Service Measures (draft for comment)
title_zh: 机器人服务办法（征求意见稿）
names: [draft Robot Measures]
issuer: [SAMR]
authority: rule
force: signal
stage: draft
published: 2023-09-01
edges:
  - type: drafts
    target: rule-robots-2024
    words: The draft Robot Measures became the Robot Measures.
topics: [ai]
{SOURCES}---

The draft Robot Measures became the Robot Measures. SAMR later fined Tinman RMB 70.1 million in 2024.
""",
    FAIR: f"""\
---
id: event-robot-fair
kind: event
title: Robot fair opened
title_zh: 机器人展览会开幕
issuer: [MIIT]
authority: press
force: signal
published: 2024-04-02
effective_from: 2024-05-02
effective_to: 2024-05-09
topics: [ai]
companies: [Tinman]
{SOURCES}---

Tinman opened a robot fair on 2 May 2024.
""",
    FACTS: """\
- id: robots-2021-effective
  document: rule-robots-2021
  subject: Robot Measures
  what: effective_date
  value: 2021-05-01
  unit: date
  as_written: 1 May 2021
  sentence: The Robot Measures of 2021 took effect on 1 May 2021.
- id: robots-2024-effective
  document: rule-robots-2024
  subject: robot measures
  what: effective_date
  value: 2024-05-01
  unit: date
  as_written: 1 May 2024
  sentence: The Robot Measures took effect on 1 May 2024.
- id: tinman-fine
  document: rule-robots-2024
  subject: Tinman
  what: fine
  value: 70000000
  unit: CNY
  as_written: RMB 70 million
  sentence: SAMR fined Tinman RMB 70 million, about USD 10 million at the time, in 2024.
  converted: {value: 10000000, unit: USD, as_written: about USD 10 million}
- id: tinman-fine-again
  document: rule-robots-draft-2023
  subject: Tinman
  what: fine
  value: 70100000
  unit: CNY
  as_written: RMB 70.1 million
  sentence: SAMR later fined Tinman RMB 70.1 million in 2024.
""",
    GLOSSARY: """\
- id: samr
  kind: agency
  en: State Administration for Market Regulation
  zh: 国家市场监督管理总局
  also_en: [SAMR]
  meaning: The market regulator.
  documents: [rule-robots-2021, rule-robots-draft-2023]
- id: tinman
  kind: company
  en: Tinman
  zh: 铁皮人
  meaning: A robot maker.
  documents: [rule-robots-2024]
- id: robot-measures
  kind: law
  en: Robot Service Measures
  zh: 机器人服务办法
  former: [Automaton Measures]
  meaning: Rules for robots that serve the public.
  documents: [rule-robots-2024]
""",
    AGENCIES: """\
SAMR: {name: State Administration for Market Regulation, name_zh: 国家市场监督管理总局, short: [SAMR]}
MIIT: {name: Ministry of Industry and Information Technology, name_zh: 工业和信息化部}
MOFCOM: {name: Ministry of Commerce, name_zh: 商务部}
""",
}


@dataclass(frozen=True)
class SmallCorpus:
    """The files of a corpus in a folder of the test's own."""

    folder: Path

    def replace(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def corpus(tmp_path: Path) -> SmallCorpus:
    for name, text in SMALL_CORPUS.items():
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return SmallCorpus(tmp_path / "corpus")


def test_a_valid_corpus_has_no_defect(corpus: SmallCorpus) -> None:
    assert lint_corpus(corpus.folder) == []


@dataclass(frozen=True)
class Planted:
    """A change to one file, and the one defect it makes: where, and words of what is expected and got."""

    name: str
    old: str
    new: str
    field: str
    expected: str
    got: str


PLANTED = {
    # Front matter.
    "no front matter": Planted(FAIR, "---\nid", "id", "front matter", "between two --- lines", "none"),
    "front matter that is not YAML": Planted(FAIR, "topics: [", "topics: [[", "front matter", "YAML", "expected"),
    "no title": Planted(FAIR, "title: Robot fair opened\n", "", "title", "required", "event-robot-fair"),
    "an unknown field": Planted(FAIR, "kind: event", "kind: event\ncolour: red", "colour", "not permitted", "red"),
    "an unknown kind": Planted(FAIR, "kind: event", "kind: decree", "kind", "'regulation'", "decree"),
    "an unknown topic": Planted(FAIR, "topics: [ai]", "topics: [robots]", "topics.0", "'semiconductors'", "robots"),
    "a status typed by hand": Planted(
        FAIR, "kind: event", "kind: event\nstatus: in_force", "status", "not permitted", "in_force"
    ),
    "an impossible day": Planted(FAIR, "2024-04-02", "2024-02-30", "front matter", "YAML", "day is out of range"),
    "last day before first day": Planted(
        FAIR, "effective_to: 2024-05-09", "effective_to: 2024-05-01", "front matter", "from 2024-05-02 on", "event-robot"
    ),
    "published after the check": Planted(
        FAIR, "checked_on: 2024-06-01", "checked_on: 2024-04-01", "front matter", "up to checked_on 2024-04-01", "event"
    ),
    "one source only": Planted(
        FAIR, SOURCES, SOURCES[: SOURCES.index("  - publisher: Caixin")] + "checked_on: 2024-06-01\n",
        "sources", "at least 2 items", "Xinhua",
    ),
    "an id unlike the file's name": Planted(
        FAIR, "id: event-robot-fair", "id: event-robots-fair", "id", "event-robot-fair", "event-robots-fair"
    ),
    "no Chinese title": Planted(FAIR, "title_zh: 机器人展览会开幕\n", "", "title_zh", "the Chinese title", "null"),
    "no body": Planted(FAIR, "Tinman opened a robot fair on 2 May 2024.\n", "", "body", "text after", "nothing"),
    # Dates.
    "published before 1990": Planted(FAIR, "2024-04-02", "1924-04-02", "published", "1990-01-01", "1924-04-02"),
    "in force before publication": Planted(
        FAIR, "effective_from: 2024-05-02", "effective_from: 2024-04-01", "effective_from", "2024-04-02", "2024-04-01"
    ),
    "a draft in force": Planted(FAIR, "kind: event", "kind: event\nstage: draft", "effective_from", "draft", "2024-05-02"),
    "an impossible day in an English body": Planted(
        FAIR, "on 2 May 2024", "on 31 April 2024", "body", "possible dates", "31 April 2024"
    ),
    "an impossible day in a Chinese body": Planted(
        FAIR, "on 2 May 2024", "on 2024年2月30日", "body", "possible dates", "2024年2月30日"
    ),
    # Issuers and sources.
    "an unknown issuer": Planted(FAIR, "issuer: [MIIT]", "issuer: [MIT]", "issuer", "agencies.yaml", "MIT"),
    "one publisher twice": Planted(FAIR, "publisher: Caixin", "publisher: XINHUA", "sources", "two different", "xinhua"),
    "a source after the check": Planted(
        FAIR, "date: 2024-03-02", "date: 2024-06-02", "sources.date", "2024-06-01", "2024-06-02"
    ),
    # Links.
    "a link to nowhere": Planted(
        FAIR, "topics:", "edges: [{type: about, target: rule-robots-2012, words: Tinman}]\ntopics:",
        "edges.about", "in this corpus", "rule-robots-2012",
    ),
    "a link without its words": Planted(
        NEW, "words: The Robot Measures replace", "words: These replace", "edges.supersedes.words", "body", "These"
    ),
    "a final text that drafts another": Planted(
        DRAFT, "stage: draft", "stage: adopted", "edges.drafts", "from a draft to an adopted", "adopted -> adopted"
    ),
    "a link of unknown type": Planted(
        FAIR, "topics:", "edges: [{type: cites, target: rule-robots-2021, words: x}]\ntopics:",
        "edges.0.type", "'amends'", "cites",
    ),
    # Sentences.
    "a figure without a subject": Planted(
        FAIR, "Tinman opened", "It cost RMB 5 million. Tinman opened",
        "body", "a subject named", "It cost RMB 5 million.",
    ),
    "a sentence too long to quote": Planted(
        FAIR, "2 May 2024.", f"2 May 2024. The measures {'very ' * 60}much matter.", "body", "at most 60", "very very"
    ),
    # Facts.
    "a fact used twice": Planted(
        FACTS, "id: robots-2021-effective", "id: robots-2024-effective", "robots-2024-effective", "once", "second row"
    ),
    "a fact of no document": Planted(
        FACTS, "document: rule-robots-2021", "document: rule-robots-2020", "robots-2021-effective.document",
        "a document of this corpus", "rule-robots-2020",
    ),
    "a fact whose sentence is elsewhere": Planted(
        FACTS, "sentence: The Robot Measures of 2021 took", "sentence: The Measures of 2021 took",
        "robots-2021-effective.sentence", "a sentence of rule-robots-2021", "The Measures of 2021",
    ),
    "a fact whose words are not in its sentence": Planted(
        FACTS, "as_written: 1 May 2021", "as_written: 1st May 2021", "robots-2021-effective.as_written",
        "words of its sentence", "1st May 2021",
    ),
    "a date unlike its words": Planted(
        FACTS, "value: 2021-05-01", "value: 2021-05-02", "robots-2021-effective.value", "'1 May 2021'", "2021-05-02"
    ),
    "an amount unlike its words": Planted(
        FACTS, "value: 70000000", "value: 69900000", "tinman-fine.value", "'RMB 70 million'", "69900000.0"
    ),
    "a fact without a unit": Planted(FACTS, "  unit: date\n", "", "robots-2021-effective.unit", "required", "rule-rob"),
    "a conversion not in its sentence": Planted(
        FACTS, "as_written: about USD 10", "as_written: roughly USD 10", "tinman-fine.converted", "words of", "roughly"
    ),
    "a conversion unlike its words": Planted(
        FACTS, "value: 10000000", "value: 10500000", "tinman-fine.converted", "'about USD 10 million'", "10500000.0"
    ),
    "a fact with an unknown field": Planted(
        FACTS, "  unit: date\n", "  unit: date\n  page: 3\n", "robots-2021-effective.page", "not permitted", "3"
    ),
    # Glossary.
    "an entry id used twice": Planted(
        GLOSSARY, "id: tinman", "id: samr", "samr.id", "id used once", "samr, also samr"
    ),
    "an English name used twice": Planted(
        GLOSSARY, "en: Robot Service Measures", "en: tinman", "robot-measures.en", "en used once", "tinman, also tinman"
    ),
    "a Chinese name used twice": Planted(
        GLOSSARY, "zh: 机器人服务办法", "zh: 铁皮人", "robot-measures.zh", "zh used once", "铁皮人, also tinman"
    ),
    "an entry of no document": Planted(
        GLOSSARY, "documents: [rule-robots-2021, ", "documents: [rule-robots-2020, ", "samr.documents",
        "a document of this corpus", "rule-robots-2020",
    ),
    "an entry without documents": Planted(
        GLOSSARY, "documents: [rule-robots-2024]", "documents: []", "tinman.documents", "at least 1 item", "[]"
    ),
    "an entry whose document does not hold its name": Planted(
        GLOSSARY, "documents: [rule-robots-2024]", "documents: [rule-robots-2021]", "tinman.documents",
        "holds one of the names Tinman, 铁皮人", "rule-robots-2021",
    ),
    "an entry of unknown kind": Planted(GLOSSARY, "kind: company", "kind: firm", "tinman.kind", "'company'", "firm"),
    "an entry with an unknown field": Planted(
        GLOSSARY, "meaning: A robot", "note: tall\n  meaning: A robot", "tinman.note", "not permitted", "tall"
    ),
    # Agencies.
    "an agency without a Chinese name": Planted(
        AGENCIES, ", name_zh: 商务部", "", "MOFCOM.name_zh", "required", "Ministry of Commerce"
    ),
}  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_planted_defect_is_found_with_file_field_expected_and_got(corpus: SmallCorpus, planted: Planted) -> None:
    corpus.replace(planted.name, planted.old, planted.new)
    defects = lint_corpus(corpus.folder)
    assert [(defect.file, defect.field) for defect in defects] == [(planted.name, planted.field)]
    assert planted.expected in defects[0].expected
    assert planted.got in defects[0].got
    shown = f"{planted.name}: {planted.field}: expected {defects[0].expected}; got {defects[0].got}"
    assert str(defects[0]) == shown


def only_defect(corpus: SmallCorpus) -> Defect:
    defects = lint_corpus(corpus.folder)
    assert len(defects) == 1, defects
    return defects[0]


def test_a_conversion_at_a_rate_that_never_was_is_found(corpus: SmallCorpus) -> None:
    corpus.replace(NEW, "about USD 10 million", "about USD 12 million")
    corpus.replace(FACTS, "about USD 10 million", "about USD 12 million")
    corpus.replace(FACTS, "{value: 10000000", "{value: 12000000")
    corpus.replace(FACTS, "as_written: about USD 10 million", "as_written: about USD 12 million")
    assert only_defect(corpus) == Defect(FACTS, "tinman-fine.converted", "6.0 to 7.4 yuan to the dollar", "5.83")


@pytest.mark.parametrize(("dollars", "is_plausible"), [("9.4", False), ("9.5", True), ("11.6", True), ("11.7", False)])
def test_the_plausible_rates_are_six_to_seven_point_four_yuan(
    corpus: SmallCorpus, dollars: str, *, is_plausible: bool
) -> None:
    for name in (NEW, FACTS, FACTS):
        corpus.replace(name, "about USD 10 million", f"about USD {dollars} million")
    corpus.replace(FACTS, "{value: 10000000", f"{{value: {float(dollars) * 1e6:.0f}")
    found = [defect.field for defect in lint_corpus(corpus.folder)]
    assert found == ([] if is_plausible else ["tinman-fine.converted"])


def test_a_conversion_from_dollars_to_yuan_is_checked_the_same_way(corpus: SmallCorpus) -> None:
    corpus.replace(NEW, "RMB 70 million, about USD 10 million", "USD 10 million, about RMB 80 million")
    corpus.replace(FACTS, "RMB 70 million, about USD 10 million", "USD 10 million, about RMB 80 million")
    corpus.replace(FACTS, "value: 70000000\n  unit: CNY\n  as_written: RMB 70 million",
                   "value: 10000000\n  unit: USD\n  as_written: USD 10 million")  # fmt: skip
    corpus.replace(FACTS, "{value: 10000000, unit: USD, as_written: about USD 10 million}",
                   "{value: 80000000, unit: CNY, as_written: about RMB 80 million}")  # fmt: skip
    assert only_defect(corpus).got == "8.00"


def test_two_documents_that_date_one_text_differently_contradict_each_other(corpus: SmallCorpus) -> None:
    corpus.replace(FACTS, "document: rule-robots-2021", "document: event-robot-fair")
    corpus.replace(FAIR, "on 2 May 2024.", "on 2 May 2024. The Robot Measures of 2021 took effect on 1 May 2021.")
    corpus.replace(FAIR, "companies: [Tinman]", "companies: [Tinman]\nnames: [Robot Measures]")
    assert only_defect(corpus) == Defect(
        FACTS,
        "robots-2024-effective.value",
        "2021-05-01, as robots-2021-effective of event-robot-fair has it",
        "2024-05-01",
    )


def test_an_overview_that_agrees_with_one_version_contradicts_none(corpus: SmallCorpus) -> None:
    corpus.replace(FAIR, "on 2 May 2024.", "on 2 May 2024. The Robot Measures took effect on 1 May 2024.")
    corpus.replace(FAIR, "companies: [Tinman]", "companies: [Tinman]\nnames: [Robot Measures]")
    row = SMALL_CORPUS[FACTS].split("- id: ")[2]
    repeated = row.replace("robots-2024-effective", "fair-effective").replace("rule-robots-2024", "event-robot-fair")
    corpus.replace(FACTS, "- id: tinman-fine\n", f"- id: {repeated}- id: tinman-fine\n")
    assert lint_corpus(corpus.folder) == []


def test_versions_two_steps_apart_do_not_contradict_each_other(corpus: SmallCorpus) -> None:
    corpus.replace(FACTS, "document: rule-robots-2024", "document: rule-robots-draft-2023")
    corpus.replace(DRAFT, "SAMR later", "The Robot Measures took effect on 1 May 2024. SAMR later")
    corpus.replace(DRAFT, "names: [draft Robot Measures]", "names: [Robot Measures]")
    assert lint_corpus(corpus.folder) == []


@pytest.mark.parametrize(
    ("amount", "year", "found"),
    [("70.8", "2024", ["tinman-fine.value"]), ("70.6", "2024", []), ("70.8", "2023", [])],
    ids=["beyond rounding", "within rounding", "of another year"],
)
def test_fines_of_one_year_must_agree_within_one_percent(
    corpus: SmallCorpus, amount: str, year: str, found: list[str]
) -> None:
    sentence = f"SAMR fined Tinman RMB {amount} million in {year}."
    corpus.replace(FAIR, "Tinman opened", f"{sentence} Tinman opened")
    rows = SMALL_CORPUS[FACTS].split("- id: ")
    fine = rows[3].splitlines()
    other = [
        "- id: fair-fine",
        "  document: event-robot-fair",
        *fine[2:4],
        f"  value: {float(amount) * 1e6:.0f}",
        "  unit: CNY",
        f"  as_written: RMB {amount} million",
        f"  sentence: {sentence}",
    ]
    facts = corpus.folder / FACTS
    kept = "- id: ".join(rows[:4])
    facts.write_text("\n".join(other) + "\n" + kept, encoding="utf-8")
    assert [defect.field for defect in lint_corpus(corpus.folder)] == found


def test_an_id_that_was_published_once_must_stay_and_a_new_one_be_listed(corpus: SmallCorpus) -> None:
    ids = sorted(file.front.id for file in load_corpus_folder(corpus.folder)[0])
    path = corpus.folder / "ids.yaml"
    path.write_text("".join(f"- {id_}\n" for id_ in ids), encoding="utf-8")
    assert lint_corpus(corpus.folder) == []
    path.write_text("".join(f"- {id_}\n" for id_ in [*ids[1:], "law-of-old"]), encoding="utf-8")
    assert sorted(lint_corpus(corpus.folder), key=lambda defect: defect.field == "law-of-old") == [
        Defect("ids.yaml", ids[0], "a line for every document", "none"),
        Defect("ids.yaml", "law-of-old", "a document that keeps this id", "none"),
    ]


def test_one_id_in_two_files_is_found(corpus: SmallCorpus) -> None:
    copy = corpus.folder / "laws" / "event-robot-fair.md"
    copy.parent.mkdir()
    copy.write_text(SMALL_CORPUS[FAIR], encoding="utf-8")
    assert only_defect(corpus) == Defect(
        "laws/event-robot-fair.md", "id", "an id used once", "event-robot-fair, also events/event-robot-fair.md"
    )


def test_a_replacement_published_before_what_it_replaces_is_found(corpus: SmallCorpus) -> None:
    corpus.replace(NEW, "published: 2024-03-01", "published: 2021-02-01")
    found = [(defect.file, defect.field, defect.expected, defect.got) for defect in lint_corpus(corpus.folder)]
    assert found == [
        (NEW, "edges.supersedes", "rule-robots-2021 published before rule-robots-2024", "2021-03-01 > 2021-02-01"),
        (DRAFT, "edges.drafts", "rule-robots-draft-2023 published before rule-robots-2024", "2023-09-01 > 2021-02-01"),
    ]


def test_texts_that_replace_each_other_are_found_in_both_files(corpus: SmallCorpus) -> None:
    edge = "edges: [{type: supersedes, target: rule-robots-2024, words: The Robot Measures of 2021 took effect}]"
    corpus.replace(OLD, "topics:", f"{edge}\ntopics:")
    found = {(defect.file, defect.field, defect.got) for defect in lint_corpus(corpus.folder)}
    assert found == {
        (OLD, "edges", "rule-robots-2021 reaches itself"),
        (NEW, "edges", "rule-robots-2024 reaches itself"),
        (OLD, "edges.supersedes", "links both ways"),
        (NEW, "edges.supersedes", "links both ways"),
        (OLD, "edges.supersedes", "2024-03-01 > 2021-03-01"),
    }


@pytest.mark.parametrize(
    ("name", "content", "expected", "got"),
    [
        (FACTS, b"id: x\n", "a YAML list", "dict"),
        (GLOSSARY, b"term\n", "a YAML list", "str"),
        (GLOSSARY, b"- [\n", "a YAML list in UTF-8", "expected YAML"),
        (FACTS, b"- id: \xff\n", "a YAML list in UTF-8", "invalid start byte"),
    ],
)
def test_a_list_of_another_shape_is_one_defect_of_its_file(
    corpus: SmallCorpus, name: str, content: bytes, expected: str, got: str
) -> None:
    (corpus.folder / name).write_bytes(content)
    defect = only_defect(corpus)
    assert (defect.file, defect.field, defect.expected) == (name, "file", expected)
    assert got in defect.got


def test_agencies_that_are_a_list_are_a_defect_of_their_file(corpus: SmallCorpus) -> None:
    (corpus.folder / AGENCIES).write_text("[SAMR, MIIT]\n", encoding="utf-8")
    assert Defect(AGENCIES, "file", "a YAML dict", "list") in lint_corpus(corpus.folder)


def test_a_document_that_is_not_utf8_is_a_defect_and_the_others_are_still_read(corpus: SmallCorpus) -> None:
    (corpus.folder / "events" / "broken.md").write_bytes(b"\xff\xfe---")
    defect = only_defect(corpus)
    assert (defect.file, defect.field) == ("events/broken.md", "front matter")
    assert len(load_corpus_folder(corpus.folder)[0]) == 4


def test_an_agency_named_by_the_issuer_field_alone_counts_as_held(corpus: SmallCorpus) -> None:
    corpus.replace(GLOSSARY, "documents: [rule-robots-2021, rule-robots-draft-2023]", "documents: [rule-robots-2021]")
    assert "SAMR" not in SMALL_CORPUS[OLD].split("---\n")[2]
    assert lint_corpus(corpus.folder) == []


@pytest.mark.parametrize(
    ("name", "is_held"), [("OPEN", False), ("open", False), ("opened", True), ("Robot Fair", True)]
)
def test_a_name_is_held_as_whole_words_and_an_abbreviation_in_capitals(
    corpus: SmallCorpus, name: str, *, is_held: bool
) -> None:
    corpus.replace(GLOSSARY, "en: Tinman", f"en: {name}")
    corpus.replace(GLOSSARY, "documents: [rule-robots-2024]", "documents: [event-robot-fair]")
    found = [defect.field for defect in lint_corpus(corpus.folder)]
    assert found == ([] if is_held else ["tinman.documents"])


def test_a_readme_is_not_a_document(corpus: SmallCorpus) -> None:
    (corpus.folder / "README.md").write_text("No front matter here.", encoding="utf-8")
    assert lint_corpus(corpus.folder) == []


def test_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        lint_corpus(tmp_path / "missing")


EIGHT_WORDS = "Nine lively robots danced together under the moon"
SIXTEEN_HAN = "九台机器人在月光下一起跳舞到天亮"


@pytest.mark.parametrize(
    ("sentence", "original", "is_copied"),
    [
        (EIGHT_WORDS, f"They say: {EIGHT_WORDS.upper()}!", True),
        (EIGHT_WORDS, f"They say: {EIGHT_WORDS.removesuffix(' moon')} sun.", False),
        (SIXTEEN_HAN, f"据说，{SIXTEEN_HAN}。", True),
        (SIXTEEN_HAN, f"据说，{SIXTEEN_HAN[:15]}黑。", False),
        (f"共1000{SIXTEEN_HAN[:7]}", f"有1000{SIXTEEN_HAN[:7]}", False),
        (f"共1000{SIXTEEN_HAN[:14]}", f"有1000{SIXTEEN_HAN[:14]}", True),
    ],
    ids=["eight words", "seven words", "sixteen characters", "fifteen", "a number and seven", "a number and fourteen"],
)
def test_a_run_shared_with_an_outside_text_is_found(
    corpus: SmallCorpus, tmp_path: Path, sentence: str, original: str, *, is_copied: bool
) -> None:
    originals = tmp_path / "originals" / "press"
    originals.mkdir(parents=True)
    (originals / "report.txt").write_text(original, encoding="utf-8")
    corpus.replace(FAIR, "Tinman opened", f"{sentence}. Tinman opened")
    found = lint_corpus(corpus.folder, originals=tmp_path / "originals")
    places = [(defect.file, defect.field, defect.expected) for defect in found]
    expected = [(FAIR, "body", "our own words, no run shared with press/report.txt")]
    assert places == (expected if is_copied else [])


def test_text_is_only_compared_where_outside_texts_are_given(corpus: SmallCorpus, tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("Tinman opened a robot fair on 2 May 2024.", encoding="utf-8")
    assert lint_corpus(corpus.folder) == []
    assert [defect.field for defect in lint_corpus(corpus.folder, originals=tmp_path)][:1] == ["body"]


def test_the_bundled_corpus_has_no_defect() -> None:
    assert lint_corpus(BUNDLED) == []


@pytest.mark.skipif(not OUTSIDE_TEXTS.is_dir(), reason="the outside texts do not lie beside the checkout")
def test_the_bundled_corpus_copies_no_outside_text() -> None:
    assert lint_corpus(BUNDLED, originals=OUTSIDE_TEXTS) == []
