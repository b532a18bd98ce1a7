"""POST /v1/answers: each question by itself, and each counted towards the limit of a key."""

from __future__ import annotations

from pathlib import Path

from clients import TestClient

from briefbot.answering import Briefbot
from briefbot.api.app import create_app
from briefbot.keys import KeyRing

QUESTION = {"question": "How much was Alibaba fined in April 2021?"}


def test_a_bad_question_spoils_no_other(bot: Briefbot, tmp_path: Path) -> None:
    settings = bot.settings.model_copy(update={"home": tmp_path})
    bad = {"question": "Why?", "filters": {"issuer": ["NASA"]}}
    with TestClient(create_app(settings, bot)) as client:
        first, second, third = client.post("/v1/answers", json={"questions": [QUESTION, bad, QUESTION]}).json()[
            "answers"
        ]
    assert first["answer"]["citations"] == third["answer"]["citations"] != []
    assert second["answer"] is None
    assert "CAC" in second["problem"]["detail"]


def test_no_question_and_more_than_fifty_are_refused(bot: Briefbot, tmp_path: Path) -> None:
    settings = bot.settings.model_copy(update={"home": tmp_path})
    with TestClient(create_app(settings, bot)) as client:
        statuses = [client.post("/v1/answers", json={"questions": [QUESTION] * n}).status_code for n in (0, 51)]
    assert statuses == [422, 422]


def test_every_question_counts_towards_the_limit_of_the_key(bot: Briefbot, tmp_path: Path) -> None:
    settings = bot.settings.model_copy(update={"home": tmp_path, "access": "keys"})
    _, secret = KeyRing(settings.keys_path).create("Sheet", ["ask"], "4/hour")
    headers = {"authorization": f"Bearer {secret}"}
    with TestClient(create_app(settings, bot)) as client:
        responses = [client.post("/v1/answers", json={"questions": [QUESTION] * n}, headers=headers) for n in (5, 2, 2)]
    assert [response.status_code for response in responses] == [422, 200, 429]
    assert responses[2].headers["retry-after"]
