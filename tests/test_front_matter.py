"""Front matter: any text is read or refused, valid fields become a document unchanged, and faults are named."""

from __future__ import annotations

import datetime as dt
from typing import Any, get_args

import pytest
import yaml
from briefbot.ingest.front_matter import (
    TOPICS,
    FrontMatter,
    load_yaml,
    parse_front_matter,
    split_front_matter,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from briefbot import models
from briefbot.errors import RefusedDocumentError

NO_DEADLINE = settings(deadline=None, max_examples=60)
"""No time limit for one example: how long it takes depends on what else the computer does."""

VALID: dict[str, Any] = {
    "id": "rule-robots-2024",
    "kind": "rule",
    "title": "Robot Service Measures",
    "title_zh": "机器人服务办法",
    "issuer": ["SAMR", "MIIT"],
    "authority": "rule",
    "force": "binding",
    "published": dt.date(2024, 3, 1),
    "effective_from": dt.date(2024, 5, 1),
    "topics": ["ai"],
    "sources": [
        {"publisher": "Xinhua", "title": "Robots under supervision", "confirms": ["dates"]},
        {"publisher": "Caixin", "title": "New rules for robots", "confirms": ["issuers"]},
    ],
    "checked_on": dt.date(2024, 6, 1),
}

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)
days = st.dates(dt.date(1990, 1, 1), dt.date(2026, 12, 31))
identifiers = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}", fullmatch=True)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | days
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3))
yaml_like = st.text(st.sampled_from("abz01:-?[]{}!&*<>|%@`\"'\\#,. \n\t~é中\x00\ufeff"), max_size=80)


def closed(literal: object) -> SearchStrategy[str]:
    return st.sampled_from(get_args(literal))


@st.composite
def valid_fields(draw: st.DrawFn) -> dict[str, Any]:
    published, effective_from, effective_to, checked_on = sorted(draw(st.tuples(days, days, days, days)))
    source = st.fixed_dictionaries(
        {"publisher": words, "title": words, "confirms": st.lists(words, min_size=1, max_size=3)},
        optional={"url": st.just("https://example.org/a"), "date": days},
    )
    edge = st.fixed_dictionaries({"type": closed(models.EdgeType), "target": identifiers, "words": words})
    return {
        "id": draw(identifiers),
        "kind": draw(closed(models.Kind)),
        "title": draw(words),
        "title_zh": draw(st.none() | words),
        "number": draw(st.none() | words),
        "names": draw(st.lists(words, max_size=3)),
        "issuer": draw(st.lists(words, min_size=1, max_size=3)),
        "authority": draw(closed(models.Authority)),
        "force": draw(closed(models.Force)),
        "phase": draw(st.none() | closed(models.Phase)),
        "stage": draw(closed(models.Stage)),
        "published": published,
        "effective_from": effective_from,
        "effective_to": effective_to,
        "edges": draw(st.lists(edge, max_size=2)),
        "topics": draw(st.lists(st.sampled_from(TOPICS), min_size=1, max_size=3)),
        "companies": draw(st.lists(words, max_size=2)),
        "language": draw(closed(models.Language)),
        "url": draw(st.none() | st.just("https://example.org/text")),
        "sources": draw(st.lists(source, min_size=2, max_size=3)),
        "checked_on": checked_on,
    }


def read(source: str) -> tuple[FrontMatter | None, str]:
    fields, body = split_front_matter(source)
    return (None if fields is None else parse_front_matter(fields)), body


def assert_read_or_refused(source: str) -> None:
    try:
        front, body = read(source)
    except RefusedDocumentError:
        return
    assert front is None or isinstance(front, FrontMatter)
    assert body == body.strip()


@NO_DEADLINE
@given(st.text())
@example("\ufeff---\n---\n")
@example("---\r\nid: a\r\n---\r\n")
def test_any_text_is_read_or_refused(source: str) -> None:
    assert_read_or_refused(source)


@NO_DEADLINE
@given(yaml_like | words)
@example('a: !!int ""')
@example('a: !!float ""')
@example("a: !!timestamp x")
@example("a: !!bool maybe")
@example("a: !!python/object:os.system x")
@example("id: &a [*a]")
@example("? [a]\n: b")
@example("1: 2")
@example('"\\ud800": "\\udfff"')
@example("id: 0x" + "f" * 6000)
@example("[" * 3000)
@example("published: .inf")
@example("published: 2024-02-30")
@example("\x00")
def test_any_text_between_fences_is_read_or_refused(block: str) -> None:
    assert_read_or_refused(f"---\n{block}\n---\nBody.")


@NO_DEADLINE
@given(st.dictionaries(st.sampled_from([*FrontMatter.model_fields, "extra"]), values))
def test_any_values_of_the_fields_are_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        front = parse_front_matter({**VALID, **fields})
    except RefusedDocumentError:
        return
    assert "extra" not in fields
    assert front.published <= front.checked_on


@NO_DEADLINE
@given(valid_fields(), st.text())
def test_valid_fields_become_a_document_that_holds_them_unchanged(fields: dict[str, Any], text: str) -> None:
    document = parse_front_matter(fields).to_document(text)
    assert document.text == text
    assert [(edge.type, edge.target, edge.words) for edge in document.edges] == [
        (edge["type"], edge["target"], edge["words"]) for edge in fields["edges"]
    ]
    assert [(source.publisher, source.title, source.url, source.date, source.confirms) for source in document.sources] == [
        (source["publisher"], source["title"], source.get("url"), source.get("date"), tuple(source["confirms"]))
        for source in fields["sources"]
    ]  # fmt: skip
    for name in fields.keys() - {"edges", "sources"}:
        expected = tuple(fields[name]) if isinstance(fields[name], list) else fields[name]
        assert getattr(document, name) == expected, name


@NO_DEADLINE
@given(valid_fields())
def test_fields_survive_being_written_as_a_file_and_read_again(fields: dict[str, Any]) -> None:
    written = f"---\n{yaml.safe_dump(fields, allow_unicode=True, sort_keys=False)}---\n\nA body.\n"
    front, body = read(written)
    assert front == parse_front_matter(fields)
    assert body == "A body."


@NO_DEADLINE
@given(st.from_regex(r"[a-z]{3,12}", fullmatch=True).filter(lambda name: name not in FrontMatter.model_fields), scalars)
def test_an_unknown_field_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(RefusedDocumentError, match=rf"front matter: {name}: Extra inputs are not permitted"):
        parse_front_matter({**VALID, name: value})


@pytest.mark.parametrize("group", ["sources", "edges"])
def test_an_unknown_field_of_a_source_or_link_is_refused_by_its_path(group: str) -> None:
    edges = [{"type": "about", "target": "rule-robots-2021", "words": "Words."}]
    fields = {**VALID, "edges": edges}
    fields[group] = [{**fields[group][0], "colour": "red"}, *fields[group][1:]]
    with pytest.raises(
        RefusedDocumentError, match=rf"{group}\.0\.colour: Extra inputs are not permitted \(got 'red'\)"
    ):
        parse_front_matter(fields)


@pytest.mark.parametrize("name", [name for name, field in FrontMatter.model_fields.items() if field.is_required()])
def test_a_missing_required_field_is_refused_by_name(name: str) -> None:
    with pytest.raises(RefusedDocumentError, match=rf"front matter: {name}: Field required"):
        parse_front_matter({key: value for key, value in VALID.items() if key != name})


def test_each_fault_of_a_file_is_named_at_once() -> None:
    with pytest.raises(RefusedDocumentError) as caught:
        parse_front_matter({**VALID, "kind": "decree", "topics": [], "id": "Not An Id"})
    assert [name for name in ("id: ", "kind: ", "topics: ") if name not in str(caught.value)] == []


@NO_DEADLINE
@given(st.lists(days, min_size=2, max_size=2, unique=True).map(sorted))
def test_a_last_day_before_the_first_day_is_refused_with_both_days(pair: list[dt.date]) -> None:
    earlier, later = pair
    message = rf"effective_to: expected a day from {later} on; got {earlier}"
    with pytest.raises(RefusedDocumentError, match=message):
        parse_front_matter({**VALID, "effective_from": later, "effective_to": earlier})


@NO_DEADLINE
@given(st.lists(days, min_size=2, max_size=2, unique=True).map(sorted))
def test_publication_after_the_last_check_is_refused_with_both_days(pair: list[dt.date]) -> None:
    earlier, later = pair
    message = rf"published: expected a day up to checked_on {earlier}; got {later}"
    with pytest.raises(RefusedDocumentError, match=message):
        parse_front_matter({**VALID, "effective_from": None, "published": later, "checked_on": earlier})


def test_a_text_in_force_for_one_day_and_checked_on_publication_is_valid() -> None:
    day = dt.date(2024, 5, 1)
    front = parse_front_matter(
        {**VALID, "published": day, "effective_from": day, "effective_to": day, "checked_on": day}
    )
    assert (front.published, front.effective_from, front.effective_to, front.checked_on) == (day, day, day, day)


@pytest.mark.parametrize(
    ("source", "body"),
    [
        ("Only text.\n", "Only text."),
        ("\ufeffOnly text.", "Only text."),
        ("----\nid: a\n----\nText", "----\nid: a\n----\nText"),
        ("Text first\n---\nid: a\n---\n", "Text first\n---\nid: a\n---"),
    ],
)
def test_text_that_does_not_begin_with_a_fence_has_no_front_matter(source: str, body: str) -> None:
    assert split_front_matter(source) == (None, body)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_block_is_found_behind_a_byte_order_mark_and_with_either_line_ending(mark: str, newline: str) -> None:
    source = mark + newline.join(["---", "id: a", "---", "", "Text", "---", "more", ""])
    assert split_front_matter(source) == ({"id": "a"}, newline.join(["Text", "---", "more"]))


def test_a_block_that_is_not_a_mapping_is_refused() -> None:
    with pytest.raises(RefusedDocumentError, match="expected a mapping of fields; got list"):
        split_front_matter("---\n- id\n---\n")


def test_words_that_yaml_reads_as_booleans_stay_words() -> None:
    assert load_yaml("[NO, yes, on, true]") == ["NO", "yes", "on", "true"]


def test_each_field_of_the_front_matter_is_described() -> None:
    assert [name for name, field in FrontMatter.model_fields.items() if not field.description] == []
