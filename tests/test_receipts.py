"""Receipts: saved answers replayed on the same corpus, on a changed one, and on one that lost a document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from briefbot.ingest.pipeline import Ingestor
from conftest import ModelServer
from pydantic import HttpUrl

from briefbot.answering import Briefbot
from briefbot.api.schemas import AnswerOut
from briefbot.corpus import Corpus
from briefbot.errors import UsageError
from briefbot.index import PassageIndex
from briefbot.models import Document, Turn
from briefbot.receipts import read_receipt, replay

QUESTION = "How much was Alibaba fined in April 2021, and by whom?"


def save(answer: object, path: Path) -> Path:
    path.write_text(json.dumps(answer, ensure_ascii=False), encoding="utf-8")
    return path


def test_an_answer_replayed_at_once_is_the_same_with_its_history_and_filters(bot: Briefbot, tmp_path: Path) -> None:
    history = (Turn("user", QUESTION), Turn("assistant", "RMB 18.228 billion."))
    for question, earlier, as_of in (
        (QUESTION, (), None), ("And Meituan?", history, None), ("What is the boiling point of gold in Paris?", (), "2022-01-31"),
    ):  # fmt: skip
        answer = bot.ask(question, history=earlier, as_of=as_of, mode="extractive")
        path = save(AnswerOut.of(answer).model_dump(mode="json"), tmp_path / "receipt.json")
        found = replay(bot, read_receipt(path))
        assert (found.drift, found.details) == ("same", ())
        assert found.corpus_version_then == found.corpus_version_now


def test_what_a_model_wrote_is_checked_again(bot: Briefbot, model_server: ModelServer) -> None:
    update = {"llm_url": HttpUrl(model_server.url), "llm_model": "m"}
    writing = Briefbot(bot.settings.model_copy(update=update), bot.corpus, bot.embedder, bot.index)
    model_server.replies = [(200, "SAMR fined Alibaba RMB 18.228 billion in April 2021 [1].")]
    receipt = AnswerOut.of(writing.ask(QUESTION))
    assert receipt.mode == "generative"
    assert replay(bot, receipt).drift == "same"
    forged = receipt.model_dump(mode="json")
    forged["statements"][0]["text"] = "SAMR fined Alibaba RMB 99 billion in April 2021 [1]."
    found = replay(bot, AnswerOut.model_validate(forged))
    assert found.drift == "answer_changed"
    assert "number" in found.details[0]


def test_changed_words_lost_documents_and_new_sentences_are_told_apart(bot: Briefbot, tmp_path: Path) -> None:
    def make(text: str, id_: str = "rule-a") -> Document:
        return Document(
            id=id_, title="Harbour rule", text=text, kind="rule", issuer=(), authority="rule", published=None, language="en"
        )  # fmt: skip

    corpus = Corpus(tmp_path / "record.sqlite3")
    corpus.bind_model(str(bot.embedder.identity))
    index = PassageIndex(tmp_path / "index")
    small = Briefbot(bot.settings.model_copy(update={"home": tmp_path}), corpus, bot.embedder, index)

    def ingest(*documents: Document) -> None:
        Ingestor(corpus, index, lambda: bot.embedder).ingest_documents(documents, origin="test")

    rule = "The harbour fee is RMB 300 a day. The harbour master collects the fee at noon."
    ingest(make(rule), make("The library opens at nine. Readers may borrow five books.", "rule-b"))
    receipt = AnswerOut.of(small.ask("How high is the harbour fee?"))
    assert receipt.citations
    assert replay(small, receipt).drift == "same"
    ingest(make(rule), make("The harbour fee is RMB 300 a day in winter and RMB 400 a day in summer.", "rule-c"))
    found = replay(small, receipt)
    assert found.drift == "answer_changed"
    assert "rule-c" in "".join(found.details)
    ingest(make("The harbour fee is RMB 500 a day. The harbour master collects the fee at noon."))
    found = replay(small, receipt)
    assert found.drift == "sources_changed"
    assert "rule-a: the quoted words no longer stand at 0" in found.details[0]
    corpus.close()


@pytest.mark.parametrize("content", ["{", "[]", '{"id": "x"}', "\xff"])
def test_what_is_no_receipt_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "receipt.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match="expected an answer") as raised:
        read_receipt(path)
    assert "\n" not in str(raised.value)
    with pytest.raises(UsageError, match="check the path"):
        read_receipt(tmp_path / "none.json")
