"""The routes of conversations, kept answers and feedback, with answers that the real bot has given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from clients import TestClient
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from briefbot.answering import Briefbot
from briefbot.api.conversation_schemas import ConversationOut
from briefbot.api.conversations import conversations
from briefbot.api.problems import add_problem_handlers
from briefbot.api.schemas import AnswerOut
from briefbot.journal import Journal
from briefbot.keys import Caller

FINE = "How much was Alibaba fined in April 2021, and by whom?"
FOLLOW_UP = "And Meituan?"
UNANSWERABLE = "What is the price of a flat in Lisbon?"
MINE, OTHER = {"x-key": "key_mine"}, {"x-key": "key_other"}


class CallerByHeader:
    """Puts the caller where the service's own middleware does, by the header x-key."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = dict(scope.get("headers", ())).get(b"x-key")
        if key is not None:
            scope.setdefault("state", {})["caller"] = Caller(key.decode(), frozenset({"ask"}), None)
        await self._app(scope, receive, send)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "journal.sqlite3", keep_days=90)) as opened:
        yield opened


def make_client(journal: Journal | None) -> TestClient:
    app = FastAPI()
    app.state.journal = journal
    app.include_router(conversations)
    app.add_middleware(CallerByHeader)
    add_problem_handlers(app)
    return TestClient(app)


@pytest.fixture
def client(journal: Journal) -> TestClient:
    return make_client(journal)


def begin(client: TestClient, headers: dict[str, str] | None = None) -> str:
    response = client.post("/v1/conversations", headers=headers)
    assert response.status_code == 201
    return str(response.json()["id"])


def ask(
    bot: Briefbot, journal: Journal, question: str, *, conversation: str | None = None, owner: str | None = None
) -> dict[str, Any]:
    """Ask as the service does: with what was said before, and keep the answer."""
    history = journal.turns_of(conversation, owner) if conversation else []
    answer = AnswerOut.of(bot.ask(question, history=history)).model_copy(update={"conversation_id": conversation})
    body = answer.model_dump(mode="json")
    journal.keep_answer(answer.id, body, conversation_id=conversation, owner=owner)
    return body


def assert_problem(response: Any, status: int, *words: str) -> None:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    for word in words:
        assert word in response.json()["detail"]


def test_a_conversation_keeps_its_answers_and_a_follow_up_is_understood_by_them(
    client: TestClient, journal: Journal, bot: Briefbot
) -> None:
    id_ = begin(client)
    answers = [ask(bot, journal, question, conversation=id_) for question in (FINE, FOLLOW_UP)]
    assert answers[1]["standalone_question"] != FOLLOW_UP
    assert "Meituan" in answers[1]["text"]
    assert answers[1]["citations"]
    response = client.get(f"/v1/conversations/{id_}")
    assert response.status_code == 200
    found = response.json()
    assert found["answers"] == answers
    assert found["id"] == id_
    assert found["created_at"] <= found["updated_at"]
    assert ConversationOut.model_validate(found).model_dump(mode="json") == found


def test_an_answer_can_be_read_again_as_it_was_sent(client: TestClient, journal: Journal, bot: Briefbot) -> None:
    body = ask(bot, journal, FINE)
    response = client.get(f"/v1/answers/{body['id']}")
    assert response.status_code == 200
    assert response.json() == body


def test_a_deleted_conversation_is_gone_with_its_answers(client: TestClient, journal: Journal, bot: Briefbot) -> None:
    id_ = begin(client)
    body = ask(bot, journal, FINE, conversation=id_)
    response = client.delete(f"/v1/conversations/{id_}")
    assert (response.status_code, response.content) == (204, b"")
    assert_problem(client.delete(f"/v1/conversations/{id_}"), 404, "POST /v1/conversations")
    assert_problem(client.get(f"/v1/conversations/{id_}"), 404)
    assert_problem(client.get(f"/v1/answers/{body['id']}"), 404)
    assert_problem(client.post("/v1/feedback", json={"answer_id": body["id"], "rating": 1}), 404)


@pytest.mark.parametrize("intruder", [OTHER, None])
def test_another_key_sees_as_little_as_if_there_were_nothing(
    client: TestClient, journal: Journal, bot: Briefbot, intruder: dict[str, str] | None
) -> None:
    id_ = begin(client, MINE)
    body = ask(bot, journal, FINE, conversation=id_, owner="key_mine")
    requests: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", "/v1/conversations/{}", None),
        ("DELETE", "/v1/conversations/{}", None),
        ("GET", "/v1/answers/{}", None),
        ("POST", "/v1/feedback", {"answer_id": "{}", "rating": 1}),
    ]
    for method, path, sent in requests:
        told = []
        for there in (body["id"] if sent or "answers" in path else id_, "nothing"):
            json = sent and {**sent, "answer_id": there}
            response = client.request(method, path.format(there), json=json, headers=intruder)
            assert_problem(response, 404)
            told.append(response.json()["detail"].replace(there, "…"))
        assert told[0] == told[1]
    assert client.get(f"/v1/conversations/{id_}", headers=MINE).json()["answers"] == [body]
    assert not list(journal.feedback())


def test_feedback_on_an_answer_and_on_a_citation_is_kept_with_the_answer(
    client: TestClient, journal: Journal, bot: Briefbot
) -> None:
    body = ask(bot, journal, FINE, owner="key_mine")
    sent: list[dict[str, Any]] = [
        {"answer_id": body["id"], "rating": 1},
        {"answer_id": body["id"], "rating": -1, "citation": 1, "comment": "The quote says more."},
        {"answer_id": body["id"], "rating": -1, "comment": "不完整"},
    ]
    for item in sent:
        response = client.post("/v1/feedback", json=item, headers=MINE)
        assert response.status_code == 201
        assert response.json() == {
            "citation": None,
            "comment": None,
            **item,
            "created_at": response.json()["created_at"],
        }
    found = [(item.owner, item.rating, item.citation, item.comment, item.answer) for item in journal.feedback()]
    assert found == [
        ("key_mine", -1, 1, "The quote says more.", body),
        ("key_mine", -1, None, "不完整", body),
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"citation": 99}, ("citation", "99", "leave it out")),
        ({"citation": 0}, ("citation",)),
        ({"rating": 2}, ("rating", "1 or -1")),
        ({"rating": "good"}, ("rating",)),
        ({"comment": "x" * 5001}, ("comment", "5000")),
        ({"stars": 5}, ("stars",)),
        ({"answer_id": None}, ("answer_id",)),
    ],
)
def test_feedback_that_is_wrong_is_refused_and_not_kept(
    client: TestClient, journal: Journal, bot: Briefbot, change: dict[str, Any], words: tuple[str, ...]
) -> None:
    body = ask(bot, journal, FINE)
    response = client.post("/v1/feedback", json={"answer_id": body["id"], "rating": 1, **change})
    assert_problem(response, 422, *words)
    assert not list(journal.feedback())


def test_an_abstention_has_no_citation_to_rate_but_can_be_rated_itself(
    client: TestClient, journal: Journal, bot: Briefbot
) -> None:
    body = ask(bot, journal, UNANSWERABLE)
    rated = {"answer_id": body["id"], "rating": 1}
    assert_problem(client.post("/v1/feedback", json={**rated, "citation": 1}), 422, "cites nothing")
    assert client.post("/v1/feedback", json=rated).status_code == 201


def test_a_service_that_keeps_nothing_says_how_to_change_that(tmp_path: Path, bot: Briefbot) -> None:
    with closing(Journal(tmp_path / "journal.sqlite3", keep_days=0)) as journal:
        client = make_client(journal)
        body = ask(bot, journal, FINE)
        assert_problem(client.post("/v1/conversations"), 422, "BRIEFBOT_HISTORY_DAYS")
        rated = {"answer_id": body["id"], "rating": 1}
        assert_problem(client.post("/v1/feedback", json=rated), 422, "BRIEFBOT_HISTORY_DAYS")
        assert_problem(client.get(f"/v1/answers/{body['id']}"), 404, "BRIEFBOT_HISTORY_DAYS")


def test_a_service_without_a_journal_says_so() -> None:
    assert_problem(make_client(None).post("/v1/conversations"), 422, "this one has no journal")


def test_a_journal_that_cannot_be_read_is_a_503(client: TestClient, journal: Journal) -> None:
    journal.close()
    assert_problem(client.post("/v1/conversations"), 503, "expected a journal that can be read and written")


def test_an_answer_of_an_older_release_still_goes_out_as_it_was(client: TestClient, journal: Journal) -> None:
    older = {"id": "ans_old", "question": "Who?", "text": "Nobody.", "field_of_then": 1}
    journal.keep_answer("ans_old", older, conversation_id=None, owner=None)
    response = client.get("/v1/answers/ans_old")
    assert (response.status_code, response.json()) == (200, older)


def test_the_description_names_every_route_with_its_refusals(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["paths"]
    routes = {(path, method): set(route["responses"]) for path, of in described.items() for method, route in of.items()}
    expected = {
        ("/v1/conversations", "post"): {"201", "422", "503"},
        ("/v1/conversations/{conversation_id}", "get"): {"200", "404", "422", "503"},
        ("/v1/conversations/{conversation_id}", "delete"): {"204", "404", "422", "503"},
        ("/v1/answers/{answer_id}", "get"): {"200", "404", "422", "503"},
        ("/v1/feedback", "post"): {"201", "404", "422", "503"},
    }
    assert routes.keys() == expected.keys()
    assert all(statuses <= routes[route] for route, statuses in expected.items())
    answer = described["/v1/answers/{answer_id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/AnswerOut"}
