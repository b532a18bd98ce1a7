"""Suggested questions: each is answered by the corpus, on its day and under its filters, and says nothing twice."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from clients import TestClient
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from briefbot.answering import Briefbot
from briefbot.api.app import create_app
from briefbot.api.desk import Desk
from briefbot.api.problems import add_problem_handlers
from briefbot.api.suggestions import suggestions
from briefbot.errors import NotFoundError, UsageError
from briefbot.keys import KeyRing
from briefbot.models import Answer, Document, Filters, Language
from briefbot.question_wording import QUESTIONS
from briefbot.suggesting import Suggestion, SuggestionRequest, suggest
from briefbot.terms import fold, is_chinese, query_terms

QUESTION: dict[Language, str] = {"en": "What is known about this?", "zh": "这是怎么回事？"}
LANGUAGES: tuple[Language, ...] = ("en", "zh")


def sample(bot: Briefbot) -> list[Document]:
    """Documents of every kind, and all that are part of a pair of versions or have a summary in the other language."""
    documents = list(bot.corpus.catalogue().documents.values())
    by_kind: dict[str, list[Document]] = {}
    for document in documents:
        by_kind.setdefault(document.kind, []).append(document)
    assert len(by_kind) == 6
    return [document for some in by_kind.values() for document in some[::4]]


def family(bot: Briefbot, id_: str) -> set[str]:
    """A document and its summaries in the other language."""
    documents = bot.corpus.catalogue().documents
    targets = {id_, *(edge.target for edge in documents[id_].edges if edge.type == "about")}
    return targets | {item.id for item in documents.values() if any(edge.target == id_ for edge in item.edges)}


def check(bot: Briefbot, request: SuggestionRequest, found: list[Suggestion]) -> list[Answer]:
    """Every suggestion is answered by itself, cites its document, and keeps to day and filters; the answers."""
    answers = []
    admitted = bot.corpus.catalogue().admit(request.filters, request.as_of)
    assert len(found) <= request.limit
    for item in found:
        answer = bot.ask(item.question, as_of=request.as_of, filters=request.filters, mode="extractive")
        answers.append(answer)
        assert not answer.abstained, item
        assert item.document_id in {citation.document.id for citation in answer.citations}, item
        assert item.document_id in admitted
        assert is_chinese(item.question) == (request.language == "zh"), item
    return answers


def test_every_suggestion_is_answered_from_its_document_and_none_repeats(bot: Briefbot) -> None:
    counts: dict[Language, list[int]] = {"en": [], "zh": []}
    for document in sample(bot):
        for language in LANGUAGES:
            request = SuggestionRequest(QUESTION[language], language, (document.id,))
            found = suggest(bot, request)
            leads = [answer.citations[0] for answer in check(bot, request, found)]
            said = [tuple(sorted(query_terms(item.question))) for item in found]
            assert len(set(said)) == len(said)
            assert len({(lead.document.id, lead.start) for lead in leads}) == len(leads)
            counts[language].append(len(found))
    for found_counts in counts.values():
        assert min(found_counts) >= 1
        assert sum(found_counts) / len(found_counts) >= 2.5


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_asked_is_not_suggested_again(bot: Briefbot, language: Language) -> None:
    cited = ("law-dsl-2021", "rule-crm-2021")
    first = suggest(bot, SuggestionRequest(QUESTION[language], language, cited))
    assert len(first) == 3
    asked = tuple(item.question.upper().replace("?", " ?!") for item in first)
    again = suggest(bot, SuggestionRequest(asked[0], language, cited, asked=asked[1:]))
    assert again
    assert not {item.question for item in first} & {item.question for item in again}


def test_the_short_and_the_long_name_of_a_law_ask_the_same(bot: Briefbot) -> None:
    cited = ("law-dsl-2021",)
    name = QUESTIONS["penalties"]["en"]
    long, short = name.format(name="the Data Security Law"), name.format(name="the DSL")
    assert long in [item.question for item in suggest(bot, SuggestionRequest(QUESTION["en"], "en", cited))]
    assert long not in [item.question for item in suggest(bot, SuggestionRequest(short, "en", cited, limit=5))]


def test_an_answer_that_opens_with_words_the_reader_has_seen_is_not_suggested(bot: Briefbot) -> None:
    question = QUESTIONS["effective"]["en"].format(name="the Personal Information Protection Law")
    told = {(item.document.id, item.start) for item in bot.ask(question, mode="extractive").citations}
    for item in suggest(bot, SuggestionRequest(question, "en", ("law-pipl-2021",), limit=5)):
        lead = bot.ask(item.question, mode="extractive").citations[0]
        assert (lead.document.id, lead.start) not in told


def test_the_first_suggestions_differ_in_what_they_ask(bot: Briefbot) -> None:
    shapes = {
        item.question.split(" the ")[0]
        for item in suggest(bot, SuggestionRequest(QUESTION["en"], "en", ("law-aml-2022", "law-dsl-2021")))
    }
    assert len(shapes) == 3


def test_versions_of_a_text_are_compared_and_a_companys_story_goes_on(bot: Briefbot) -> None:
    def ask(id_: str) -> list[str]:
        return [item.question for item in suggest(bot, SuggestionRequest(QUESTION["en"], "en", (id_,)))]

    assert ask("law-aml-2022")[0] == "What changed from the 2007 to the 2022 Anti-Monopoly Law?"
    assert ask("rule-genai-draft-2023")[0] == "What changed between the draft and the final Generative AI Measures?"
    assert ask("event-2021-07-02-didi-review")[0] == "What happened to Didi after July 2021?"


@pytest.mark.parametrize(("day", "asked"), [("2021-08-25", "When will"), ("2021-12-01", "When did")])
def test_a_law_not_yet_in_force_is_asked_about_in_the_future(bot: Briefbot, day: str, asked: str) -> None:
    name = "the Personal Information Protection Law"
    request = SuggestionRequest(
        "What must a company do with sensitive personal information?",
        document_ids=("law-pipl-2021",),
        asked=tuple(QUESTIONS[topic]["en"].format(name=name) for topic in ("duties", "bans", "penalties")),
        as_of=dt.date.fromisoformat(day),
        filters=Filters(document_id=("law-pipl-2021",)),
    )
    starts = {item.question[:9].strip() for item in suggest(bot, request)}
    assert asked in starts
    assert not {"When will", "When did"} - {asked} & starts


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), day=st.dates(dt.date(2020, 11, 1), dt.date(2026, 6, 30)), language=st.sampled_from(LANGUAGES))
def test_nothing_later_than_the_day_is_named_or_cited(
    bot: Briefbot, data: st.DataObject, day: dt.date, language: Language
) -> None:
    catalogue = bot.corpus.catalogue()
    known = catalogue.admit(Filters(), day)
    cited = tuple(data.draw(st.lists(st.sampled_from(sorted(catalogue.documents)), max_size=3, unique=True)))
    request = SuggestionRequest(QUESTION[language], language, cited, as_of=day)
    found = suggest(bot, request)
    assert found == suggest(bot, request)
    check(bot, request, found)
    names = {fold(name) for item in known.values() for name in (*item.names, item.title, item.title_zh or "")}
    later = [item for item in catalogue.documents.values() if item.id not in known]
    hidden = {fold(name) for item in later for name in (*item.names, item.title, item.title_zh or item.title)} - names
    for item in found:
        asked = fold(item.question)
        named = {name for name in hidden if " " in name and name in asked and not any(name in each for each in names)}
        assert named == set(), item


@pytest.mark.parametrize(
    "filters",
    [
        Filters(kind=("law",)),
        Filters(language=("zh",)),
        Filters(topic=("ai",)),
        Filters(issuer=("SAMR",)),
        Filters(published_from=dt.date(2024, 1, 1), published_to=dt.date(2024, 12, 31)),
        Filters(status=("in_force",)),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_filters_hold_for_suggestions(bot: Briefbot, filters: Filters, language: Language) -> None:
    for cited in ((), ("law-aml-2022", "article-ai-rules")):
        request = SuggestionRequest(QUESTION[language], language, cited, filters=filters)
        found = suggest(bot, request)
        assert found
        check(bot, request, found)


def test_nothing_is_suggested_where_filters_leave_nothing(bot: Briefbot) -> None:
    filters = Filters(document_id=("law-dsl-2021",))
    assert suggest(bot, SuggestionRequest(QUESTION["en"], as_of=dt.date(2001, 1, 1))) == []
    assert suggest(bot, SuggestionRequest(QUESTION["en"], as_of=dt.date(2020, 1, 1), filters=filters)) == []


@pytest.mark.parametrize(
    ("question", "language"),
    [("How tall is the Eiffel Tower?", "en"), ("xyz", "en"), ("!!!", "en"), ("哪支球队赢了比赛？", "zh")],
)
def test_a_question_without_an_answer_still_gets_suggestions(bot: Briefbot, question: str, language: Language) -> None:
    request = SuggestionRequest(question, language)
    assert bot.ask(question, mode="extractive").abstained
    found = suggest(bot, request)
    assert len(found) == 3
    check(bot, request, found)


def test_after_an_abstention_the_suggestions_are_near_the_question(bot: Briefbot) -> None:
    found = suggest(bot, SuggestionRequest("What does the weather mean for personal information leaving China?"))
    documents = bot.corpus.catalogue().documents
    assert sum("data" in documents[item.document_id].topics for item in found) >= 2


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_limit_is_kept_and_fewer_are_the_first_of_more(bot: Briefbot, limit: int) -> None:
    cited = ("law-aml-2022", "event-2021-04-10-alibaba-fined")
    five = suggest(bot, SuggestionRequest(QUESTION["en"], "en", cited, limit=5))
    assert len(five) == 5
    assert suggest(bot, SuggestionRequest(QUESTION["en"], "en", cited, limit=limit)) == five[:limit]


def test_a_summary_in_the_other_language_gets_the_suggestions_of_its_text(bot: Briefbot) -> None:
    one, other = (
        suggest(bot, SuggestionRequest(QUESTION["en"], "en", (id_,))) for id_ in ("law-dsl-2021", "law-dsl-2021-zh")
    )
    assert one == other


def test_malformed_requests_are_refused(bot: Briefbot) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        suggest(bot, SuggestionRequest("Why?", document_ids=("law-dsl-2021", "nowhere")))
    with pytest.raises(UsageError, match="question"):
        suggest(bot, SuggestionRequest("  "))
    with pytest.raises(UsageError, match="issuer"):
        suggest(bot, SuggestionRequest("Why?", filters=Filters(issuer=("NASA",))))


# ------------------------------------------------------------------ the route


def make_app(bot: Briefbot, **changes: object) -> FastAPI:
    app = FastAPI()
    app.state.desk = Desk(bot.settings.model_copy(update=changes), bot, None)
    add_problem_handlers(app)
    app.include_router(suggestions)
    return app


@pytest.fixture(scope="module")
def client(bot: Briefbot) -> Iterator[TestClient]:
    with TestClient(make_app(bot)) as opened:
        yield opened


def test_the_route_gives_what_python_gives(bot: Briefbot, client: TestClient) -> None:
    body = {
        "question": QUESTION["zh"],
        "document_ids": ["law-dsl-2021"],
        "asked": ["《数据安全法》自何时起施行？"],
        "language": "zh",
        "as_of": "2022-12-31",
        "filters": {"topic": ["data"]},
        "limit": 2,
    }
    request = SuggestionRequest(
        QUESTION["zh"],
        "zh",
        ("law-dsl-2021",),
        ("《数据安全法》自何时起施行？",),
        dt.date(2022, 12, 31),
        Filters(topic=("data",)),
        2,
    )
    given = client.post("/v1/suggestions", json=body).json()["suggestions"]
    assert given == [{"question": item.question, "document_id": item.document_id} for item in suggest(bot, request)]
    assert len(given) == 2


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"document_ids": ["nowhere"]}, 404),
        ({"document_ids": ["law-dsl-2021"] * 21}, 422),
        ({"asked": ["Why?"] * 51}, 422),
        ({"question": " "}, 422),
        ({"limit": 0}, 422),
        ({"limit": 6}, 422),
        ({"limit": "3"}, 422),
        ({"language": "fr"}, 422),
        ({"as_of": "yesterday"}, 422),
        ({"filters": {"issuer": ["NASA"]}}, 422),
        ({"more": 1}, 422),
    ],
)
def test_the_route_refuses_what_it_does_not_know(client: TestClient, changes: dict[str, object], status: int) -> None:
    response = client.post("/v1/suggestions", json={"question": "Why?", **changes})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"


def test_a_full_queue_refuses_suggestions(bot: Briefbot, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, over = threading.Event(), threading.Event()

    def wait(*_: object) -> list[Suggestion]:
        begun.set()
        over.wait(20)
        return []

    monkeypatch.setattr("briefbot.api.suggestions.suggest", wait)
    with TestClient(make_app(bot, max_concurrent=1, max_queued=0)) as busy, ThreadPoolExecutor(1) as pool:
        first = pool.submit(busy.post, "/v1/suggestions", json={"question": "Why?"})
        assert begun.wait(20)
        refused = busy.post("/v1/suggestions", json={"question": "Why?"})
        over.set()
        assert first.result().status_code == 200
    assert refused.status_code == 503
    assert refused.headers["retry-after"]


def test_each_suggestion_that_is_wanted_counts_towards_the_limit_of_the_key(bot: Briefbot, tmp_path: Path) -> None:
    settings = bot.settings.model_copy(update={"home": tmp_path, "access": "keys"})
    _, secret = KeyRing(settings.keys_path).create("Page", ["ask"], "5/hour")
    body = {"question": QUESTION["en"], "document_ids": ["law-dsl-2021"]}
    with TestClient(create_app(settings, bot), headers={"authorization": f"Bearer {secret}"}) as client:
        first = client.post("/v1/suggestions", json=body)
        second = client.post("/v1/suggestions", json=body)
    assert (first.status_code, first.headers["ratelimit-remaining"]) == (200, "2")
    assert second.status_code == 429
