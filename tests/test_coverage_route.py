"""What the API tells of the corpus: counts behind the filters, topics by quarter and their gaps, statuses over time."""

from __future__ import annotations

import datetime as dt
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from briefbot.answering import Briefbot
from briefbot.api.coverage import FACETS, measure
from briefbot.models import Filters


def get(url: str, path: str) -> Any:
    response = httpx2.get(url + path, trust_env=False, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    "query", ["", "kind=law", "kind=law&kind=rule&topic=data", "status=superseded", "issuer=CAC&as_of=2021-12-31"]
)
def test_every_count_is_what_the_list_gives_under_that_filter(service: str, query: str) -> None:
    found = get(service, f"/v1/coverage?{query}")
    assert found["documents"] == get(service, f"/v1/documents?limit=1&{query}")["total"]
    for facet in FACETS:
        rest = "&".join(part for part in query.split("&") if part and not part.startswith(f"{facet}="))
        for item in found["facets"][facet][:6]:
            total = get(service, f"/v1/documents?limit=1&{rest}&{facet}={item['value']}")["total"]
            assert item["count"] == total, (facet, item)


def test_every_value_of_the_corpus_is_there_with_the_most_used_first(bot: Briefbot) -> None:
    documents = bot.corpus.catalogue().documents.values()
    found = measure(bot.corpus.catalogue(), Filters(kind=("law",)), None)
    assert {item.value for item in found.facets.issuer} == {code for item in documents for code in item.issuer}
    for facet in FACETS:
        counts = [item.count for item in getattr(found.facets, facet)]
        assert counts == sorted(counts, reverse=True)
    named = {item.value: item for item in found.facets.issuer}
    assert named["CAC"].name == "Cyberspace Administration of China"
    assert named["CAC"].name_zh == "国家互联网信息办公室"


def test_cells_add_up_and_gaps_lie_between_documents(bot: Briefbot) -> None:
    found = measure(bot.corpus.catalogue(), Filters(), None)
    dated = [
        item for item in bot.corpus.catalogue().documents.values() if item.published and "BRIEFBOT" not in item.issuer
    ]
    assert sum(cell.count for cell in found.cells) == sum(len(item.topics) for item in dated)
    quarters: dict[str, set[str]] = {}
    for cell in found.cells:
        quarters.setdefault(cell.topic, set()).add(cell.quarter)
    assert found.gaps
    for gap in found.gaps:
        assert min(quarters[gap.topic]) < gap.since < gap.until < max(quarters[gap.topic])
        assert not [name for name in quarters[gap.topic] if gap.since <= name <= gap.until]


def test_unknown_filters_are_refused(service: str) -> None:
    response = httpx2.get(f"{service}/v1/coverage?topic=astrology", trust_env=False)
    assert response.status_code == 422
    assert "astrology" in response.json()["detail"]


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_the_history_says_on_every_day_what_the_status_is(data: st.DataObject, bot: Briefbot) -> None:
    catalogue = bot.corpus.catalogue()
    document = data.draw(st.sampled_from(sorted(catalogue.documents.values(), key=lambda item: item.id)))
    day = data.draw(st.dates(dt.date(2007, 1, 1), dt.date(2028, 12, 31)))
    held = [change.status for change in catalogue.lineage.history(document) if change.since <= day]
    assert (held[-1] if held else None) == catalogue.lineage.status_on(document, day)
    told = catalogue.lineage.history(document, day)
    assert [change.status for change in told] == held
    assert all(change.since <= day for change in told)


def test_the_history_names_the_document_that_ended_a_text(service: str) -> None:
    changes = get(service, "/v1/documents/law-aml-2007")["status_history"]
    assert [item["status"] for item in changes] == ["not_yet_in_force", "in_force", "amended"]
    assert changes[-1]["because"] == "law-aml-2022"
    assert changes[-1]["since"] == get(service, "/v1/documents/law-aml-2022")["effective_from"]
    before = get(service, "/v1/documents/law-aml-2007?as_of=2022-07-31")["status_history"]
    assert before == changes[:-1]


def test_published_events_carry_their_links(service: str, bot: Briefbot) -> None:
    documents = bot.corpus.catalogue().documents
    for event in get(service, "/v1/timeline?limit=1000")["events"]:
        edges = documents[event["document_id"]].edges if event["type"] == "published" else ()
        expected = [{"type": edge.type, "document_id": edge.target} for edge in edges if edge.target in documents]
        assert event["links"] == expected
    for event in get(service, "/v1/timeline?limit=1000&as_of=2022-01-31")["events"]:
        for link in event["links"]:
            assert (documents[link["document_id"]].published or dt.date.max) <= dt.date(2022, 1, 31)
