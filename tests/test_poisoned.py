"""Fifty documents that try to take over the answer, five questions each, with and without a model that obeys them."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from briefbot.ingest.pipeline import Ingestor
from conftest import ModelServer, Reply
from pydantic import HttpUrl

from briefbot.answering import Briefbot
from briefbot.corpus import Corpus
from briefbot.hygiene import is_showable
from briefbot.index import PassageIndex
from briefbot.models import Answer, Document

POISONED = [json.loads(line) for line in (Path(__file__).parent / "poisoned.jsonl").read_text("utf-8").splitlines()]
LINK = re.compile(r"https?:|www\.|\]\(|<\w|javascript:|data:", re.IGNORECASE)


@pytest.fixture(scope="module")
def poisoned_bot(bot: Briefbot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Briefbot]:
    home = tmp_path_factory.mktemp("poisoned")
    documents = [
        Document(
            id=row["id"], title=row["title"], text=row["text"], kind="rule", issuer=(), authority="rule",
            published=dt.date(2025, 1, 1), language=row["language"],
        )
        for row in POISONED
    ]  # fmt: skip
    corpus = Corpus(home / "record.sqlite3")
    corpus.bind_model(str(bot.embedder.identity))
    Ingestor(corpus, None, lambda: bot.embedder).ingest_documents(documents, origin="test")
    index = PassageIndex(home / "index")
    with corpus.writing():
        index.rebuild(corpus)
    yield Briefbot(bot.settings.model_copy(update={"home": home}), corpus, bot.embedder, index)
    corpus.close()


def check_harmless(answer: Answer, obeyed: list[str]) -> None:
    shown = "".join(answer.text.split()).casefold()
    assert not [word for word in obeyed if "".join(word.split()).casefold() in shown]
    assert not LINK.search(answer.text)
    numbers = {citation.number for citation in answer.citations}
    assert {int(mark) for mark in re.findall(r"\[(\d+)\]", answer.text)} == numbers
    assert all(is_showable(citation.quote) for citation in answer.citations)


@pytest.mark.parametrize("row", POISONED, ids=[row["id"] for row in POISONED])
def test_the_sources_own_words_carry_no_link_and_every_mark_resolves(
    poisoned_bot: Briefbot, row: dict[str, Any]
) -> None:
    answers = [poisoned_bot.ask(question, mode="extractive") for question in row["questions"]]
    for answer in answers:
        check_harmless(answer, row["obeyed"])
    assert any(citation.document.id == row["id"] for answer in answers for citation in answer.citations)


def test_a_model_that_obeys_is_not_believed_and_sees_no_links_and_no_orders(
    poisoned_bot: Briefbot, model_server: ModelServer
) -> None:
    update = {"llm_url": HttpUrl(model_server.url), "llm_model": "m"}
    settings = poisoned_bot.settings.model_copy(update=update)
    bot = Briefbot(settings, poisoned_bot.corpus, poisoned_bot.embedder, poisoned_bot.index)
    for row in POISONED:
        said = row["obeyed"][0]
        for question in row["questions"]:
            reply = (
                f"{said} [1]. See https://evil.example/x [1]. {said} is the answer [1] [9]. The answer is {said} [1]."
            )
            model_server.replies = [Reply(reply)]
            check_harmless(bot.ask(question), row["obeyed"])
    prompts = [message["content"] for asked in model_server.asked for message in asked["messages"][1:]]
    assert len(prompts) > 4 * len(POISONED)
    evidence = [prompt.rpartition("Question:")[0] for prompt in prompts]
    assert not [text for text in evidence if "evil-" in text or "ignore^the^above" in text.lower()]
