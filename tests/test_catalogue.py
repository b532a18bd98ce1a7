"""Filters as arrays: what they choose is what a look at each document would choose."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from briefbot.answering import Briefbot
from briefbot.catalogue import DAYS_KEPT, Catalogue, PassageTable
from briefbot.models import Document, Filters

days = st.one_of(st.none(), st.dates(dt.date(2019, 1, 1), dt.date(2026, 12, 31)))


@pytest.fixture(scope="module")
def documents(bot: Briefbot) -> list[Document]:
    some = list(bot.corpus.catalogue().documents.values())
    return [*some, dataclasses.replace(some[0], id="undated", published=None, edges=())]


def passes(document: Document, filters: Filters, as_of: dt.date | None) -> bool:
    last = [day for day in (filters.published_to, as_of) if day]
    if (last or filters.published_from) and document.published is None:
        return False
    return (
        (not filters.kind or document.kind in filters.kind)
        and (not filters.topic or bool(set(filters.topic) & set(document.topics)))
        and (not filters.issuer or bool(set(filters.issuer) & set(document.issuer)))
        and (not filters.language or document.language in filters.language)
        and (not filters.document_id or document.id in filters.document_id)
        and (filters.published_from is None or document.published >= filters.published_from)  # type: ignore[operator]
        and all(document.published <= day for day in last)  # type: ignore[operator]
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), first=days, last=days, as_of=days)
def test_a_table_chooses_what_a_look_at_each_document_chooses(
    documents: list[Document], data: st.DataObject, first: dt.date | None, last: dt.date | None, as_of: dt.date | None
) -> None:
    sampled = data.draw(st.lists(st.sampled_from(documents), max_size=3))
    filters = Filters(
        kind=tuple(item.kind for item in sampled[:1]),
        topic=tuple(topic for item in sampled[1:2] for topic in item.topics[:1]),
        language=tuple(item.language for item in sampled[2:]),
        document_id=tuple(data.draw(st.lists(st.sampled_from([item.id for item in documents]), max_size=4))),
        published_from=first,
        published_to=last,
    )
    catalogue = Catalogue("v", documents)
    expected = {item.id for item in documents if passes(item, filters, as_of)}
    assert set(catalogue.admit(filters, as_of)) == expected
    if sampled:
        wanted = catalogue.status_of(sampled[0], as_of)
        found = catalogue.admit(dataclasses.replace(filters, status=(wanted,)), as_of)
        day = as_of or dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date()
        by_hand = {id_ for id_ in expected if catalogue.lineage.status_on(catalogue.documents[id_], day) == wanted}
        assert set(found) == by_hand


def test_statuses_are_remembered_for_a_bounded_number_of_days(documents: list[Document]) -> None:
    catalogue = Catalogue("v", documents)
    law = next(item for item in documents if item.effective_from and item.published)
    assert law.effective_from is not None
    for shift in range(-3, 2 * DAYS_KEPT):
        day = law.effective_from + dt.timedelta(days=shift)
        assert catalogue.status_on(law.id, day) == catalogue.lineage.status_on(law, day)
    assert len(catalogue._statuses) <= DAYS_KEPT


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=20), st.data())
def test_a_passage_table_keeps_order_and_holds_to_the_mask(rows: list[tuple[int, bool]], data: st.DataObject) -> None:
    table = PassageTable.of(
        [(3 * n, f"p{n}", f"d{owner}", "zh" if chinese else "en") for n, (owner, chinese) in enumerate(rows)],
        Catalogue("v", [_document(f"d{n}") for n in range(2)]).table,
    )
    known = [n for n, (owner, _) in enumerate(rows) if owner < 2]
    assert list(table.ids) == [f"p{n}" for n in known]
    asked = data.draw(st.lists(st.integers(-1, 70), max_size=30))
    for language in table.is_of:
        mask = table.select(language, None)
        inside = {f"p{n}" for n in known if ("zh" if rows[n][1] else "en") == language}
        assert table.ids_of(asked, mask) == [f"p{n // 3}" for n in asked if n % 3 == 0 and f"p{n // 3}" in inside]
        assert table.keep([f"p{n}" for n in asked], mask) == [f"p{n}" for n in asked if f"p{n}" in inside]


def _document(id_: str) -> Document:
    return Document(id_, id_, "x", "event", (), "press", dt.date(2021, 1, 1), "en")
