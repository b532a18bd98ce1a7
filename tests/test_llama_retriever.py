"""briefbot as a LlamaIndex retriever: the same passages, with spans that point back."""

from __future__ import annotations

import datetime as dt

from briefbot.answering import Briefbot
from briefbot.llama_retriever import BriefbotRetriever


def test_the_retriever_gives_the_passages_of_search_with_their_spans(bot: Briefbot) -> None:
    found = bot.search("Didi fine", top_k=5)
    nodes = BriefbotRetriever(bot, top_k=5).retrieve("Didi fine")
    assert [node.node.node_id for node in nodes] == [item.passage.id for item in found]
    for node in nodes:
        metadata = node.node.metadata
        text = bot.corpus.catalogue().documents[metadata["document_id"]].text
        assert text[metadata["start"] : metadata["end"]] == node.node.get_content()


def test_the_retriever_keeps_to_its_date(bot: Briefbot) -> None:
    nodes = BriefbotRetriever(bot, as_of=dt.date(2021, 12, 31)).retrieve("What happened to Didi?")
    assert nodes
    assert all(node.node.metadata["published"] <= "2021-12-31" for node in nodes)
