"""Retrieval measured on sets in BEIR's format, and how search time grows: small sets of our own, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from briefbot.eval.beir import ABLATIONS, load_dataset, measure_retrieval, render_retrieval
from briefbot.eval.evidence import measure_evidence, render_evidence
from briefbot.eval.growth import CONDITIONS, measure_growth, render_growth

from briefbot.answering import Briefbot
from briefbot.errors import UsageError

TEXTS = {
    "d1": ("The bakery opens at six.", "面包店六点开门。"),
    "d2": ("The library lends tools and books.", "图书馆出借工具和书籍。"),
    "d3": ("Trams run every ten minutes to the harbour.", "有轨电车每十分钟一班开往港口。"),
    "d4": ("The swimming pool is closed in winter.", "游泳池冬天关闭。"),
}
QUERIES = {
    "q1": ("When does the bakery open?", "面包店几点开门？", "d1"),
    "q2": ("How often do trams run?", "电车多久一班？", "d3"),
}
ANSWERS = {"q1": ["at SIX"], "q2": ["not in any text", ""]}


def write_dataset(folder: Path, queries: int, texts: int) -> Path:
    (folder / "qrels").mkdir(parents=True)
    rows = [{"_id": id_, "title": "", "text": both[texts]} for id_, both in TEXTS.items()]
    asked = [{"_id": id_, "text": row[queries], "metadata": {"answers": ANSWERS[id_]}} for id_, row in QUERIES.items()]
    for name, items in (("corpus", rows), ("queries", asked)):
        lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    judgements = "".join(f"{id_}\t{row[2]}\t1\n" for id_, row in QUERIES.items())
    (folder / "qrels/test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judgements}", encoding="utf-8")
    return folder


def copy_bot(bot: Briefbot, home: Path) -> Briefbot:
    return Briefbot(bot.settings.model_copy(update={"home": home}), bot.corpus, bot.embedder, bot.index)


def test_a_set_is_measured_part_by_part_and_beside_the_usual_choices(bot: Briefbot, tmp_path: Path) -> None:
    dataset = load_dataset([write_dataset(tmp_path / "en", 0, 0)])
    found, notes = measure_retrieval(dataset, copy_bot(bot, tmp_path / "home"))
    assert notes == []
    assert [item.system for item in found] == [
        *ABLATIONS,
        "LlamaIndex, all-MiniLM-L6-v2",
        "LlamaIndex, briefbot's model",
    ]
    figures = {item.system: item.figures["recall@1"].mean for item in found}
    assert figures["briefbot"] == 1.0
    assert set(found[0].figures) == {"nDCG@10", "recall@1", "recall@5", "recall@20", "MRR@10"}
    text = render_retrieval(dataset, found)
    assert "2 queries, 4 documents" in text
    assert all(item.system in text for item in found)


def test_translations_count_as_the_document_they_translate(bot: Briefbot, tmp_path: Path) -> None:
    folders = [write_dataset(tmp_path / "en", 0, 0), write_dataset(tmp_path / "zh", 1, 1)]
    dataset = load_dataset(folders)
    assert len(dataset.texts) == 4
    found, _ = measure_retrieval(dataset, copy_bot(bot, tmp_path / "home"), baselines=False)
    assert found[-1].figures["recall@1"].mean == 1.0
    across = load_dataset([write_dataset(tmp_path / "across", 1, 0)])
    found, _ = measure_retrieval(across, copy_bot(bot, tmp_path / "home"), baselines=False)
    assert found[-1].figures["recall@5"].mean == 1.0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("corpus.jsonl", "{", "expected one JSON object"),
        ("corpus.jsonl", '{"_id": "a"}', "expected text as text"),
        ("queries.jsonl", "[1]", "expected"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\n", "expected query, document and a whole number"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\n", "expected queries with judgements"),
    ],
)
def test_a_faulty_set_is_refused_with_its_file(tmp_path: Path, name: str, content: str, message: str) -> None:
    folder = write_dataset(tmp_path / "set", 0, 0)
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_dataset([folder])


def test_a_folder_that_is_no_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="BEIR's format"):
        load_dataset([tmp_path / "none"])


def test_evidence_is_measured_by_the_answers_that_its_best_sentences_hold(bot: Briefbot, tmp_path: Path) -> None:
    dataset = load_dataset([write_dataset(tmp_path / "en", 0, 0)])
    figures = measure_evidence(dataset, copy_bot(bot, tmp_path / "home"))
    assert figures.questions == 2
    assert [figures.found[k].mean for k in (1, 2, 3)] == [0.5, 0.5, 0.5]
    assert "2 questions with answers\nanswer in the best 1: 0.500" in render_evidence(dataset, figures)


def test_a_set_without_answers_says_nothing_about_evidence(bot: Briefbot, tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "en", 0, 0)
    bare = [json.dumps({"_id": id_, "text": row[0], "metadata": None}) for id_, row in QUERIES.items()]
    (folder / "queries.jsonl").write_text("\n".join(bare), encoding="utf-8")
    with pytest.raises(UsageError, match=r"expected queries with metadata\.answers"):
        measure_evidence(load_dataset([folder]), bot)


def test_search_is_timed_in_a_small_and_a_large_record(bot: Briefbot, tmp_path: Path) -> None:
    found, embedding_ms = measure_growth(bot, tmp_path, small=120, large=400, rounds=1)
    assert [item.condition for item in found] == list(CONDITIONS)
    assert all(item.small_ms > 0 and item.large_ms > 0 for item in found)
    assert "ratio" in render_growth(found, embedding_ms, small=120, large=400)
