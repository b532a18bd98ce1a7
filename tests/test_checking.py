"""Claims checked against the corpus, and what is told about an answer's premises, sources and period."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from dataclasses import replace

import httpx
import pytest
from briefbot.eval.claims import CLAIMS_FILE, Claim, load_claims, measure_claims, render_claims, score_claims
from briefbot.eval.exchanges import load_plain_claims, make_exchanges, measure_exchanges, render_exchanges
from test_composition import make_document, make_evidence

from briefbot.answering import GLOSSARY_FILE, Briefbot
from briefbot.bearing import MOST_VALUES, find_bearings
from briefbot.checking import INTERCEPTS, WEIGHTS, check_claim
from briefbot.errors import UsageError
from briefbot.glossary import load_glossary
from briefbot.models import Check, Document, Filters
from briefbot.notices import find_conflict
from briefbot.query import make_query
from briefbot.sought import counted_in, find_missing

GLOSSARY = load_glossary(GLOSSARY_FILE)


def quoted(check: Check) -> str:
    return " ".join(citation.quote for citation in check.citations)


# ------------------------------------------------------------------ claims


def test_a_claim_in_other_words_is_borne_out_by_the_words_shown(bot: Briefbot) -> None:
    check = bot.check("In April 2021 the market regulator SAMR imposed a fine of 18,228 million yuan on Alibaba.")
    assert check.verdict == "supported"
    assert "18.228 billion" in quoted(check)
    assert check.differences == ()
    assert sum(check.likelihoods.values()) == pytest.approx(1.0, abs=0.01)
    for citation in check.citations:
        text = bot.corpus.catalogue().documents[citation.document.id].text
        assert text[citation.start : citation.end] == citation.quote


def test_a_claim_with_another_number_is_contradicted_and_the_right_one_is_named(bot: Briefbot) -> None:
    check = bot.check("SAMR fined Alibaba RMB 34 billion in April 2021.")
    assert check.verdict == "contradicted"
    number = next(item for item in check.differences if item.kind == "number")
    assert (number.stated, number.found) == ("34 billion", "18.228 billion")
    assert number.found in check.citations[number.citation - 1].quote
    assert f"“18.228 billion” [{number.citation}]" in check.text


def test_a_claim_with_a_number_nobody_states_is_never_supported(bot: Briefbot) -> None:
    for claim in ("SAMR fined Alibaba 77 times in 2021.", "市场监管总局2021年对阿里巴巴罚款77次。"):
        assert bot.check(claim).verdict != "supported"


@pytest.mark.parametrize(
    ("claim", "kind", "stated", "found"),
    [
        ("The Data Security Law took effect on 1 November 2021.", "date", "1 November 2021", "1 September 2021"),
        ("The Data Security Law took effect on 10 June 2021.", "date", "10 June 2021", "1 September 2021"),
        ("个人信息保护法自2021年8月20日起施行。", "date", "2021年8月20日", "2021年11月1日"),
        ("SAMR fined Alibaba RMB 455.712 billion on 10 April 2021.", "number", "455.712 billion", "18.228 billion"),
        ("The Meituan fine equalled 4 percent of its 2020 sales in China.", "number", "4", "3"),
        ("国家网信办对阿里巴巴罚款182.28亿元。", "actor", "国家互联网信息办公室", "国家市场监督管理总局"),
        ("SAMR fined Meituan RMB 18.228 billion.", "number", "18.228 billion", "3.442 billion"),
        ("SAMR fined Alibaba RMB 3.442 billion in October 2021.", "number", "3.442 billion", "18.228 billion"),
        ("SAMR fined Alibaba RMB 18.228 billion in May 2021.", "date", "May 2021", "10 April 2021"),
        ("The Data Security Law took effect in 2022.", "date", "2022", "1 September 2021"),
        ("SAMR fined Alibaba less than RMB 18 billion.", "number", "18 billion", "18.228 billion"),
        ("Alibaba's fine was exactly RMB 18 billion.", "number", "18 billion", "18.228 billion"),
    ],
)  # fmt: skip
def test_a_value_or_body_of_something_else_does_not_bear_a_claim_out(
    bot: Briefbot, claim: str, kind: str, stated: str, found: str
) -> None:
    check = bot.check(claim)
    assert check.verdict == "contradicted", check
    (difference,) = (item for item in check.differences if item.kind == kind)
    assert (difference.stated, difference.found) == (stated, found)
    assert found in check.citations[difference.citation - 1].quote or kind == "actor"


@pytest.mark.parametrize(
    "claim",
    [
        "SAMR fined Alibaba RMB 18.2 billion.",
        "Alibaba was fined RMB 18.228bn.",
        "SAMR fined Alibaba on 2021-04-10.",
        "The 2024 Negative List took effect on 1 November 2024.",
        "SAMR fined Alibaba RMB 18.228 billion [1].",
        "阿里巴巴被罚182亿元。",
        "SAMR fined Alibaba more than RMB 18 billion.",
        "SAMR fined Alibaba in 2021.",
        "The 2022 AML raises the fines for unreported mergers.",
    ],
)
def test_other_ways_of_writing_a_value_are_the_same_value(bot: Briefbot, claim: str) -> None:
    check = bot.check(claim)
    assert check.verdict == "supported", check
    assert check.claim == claim.replace(" [1]", "")


@pytest.mark.parametrize(
    "claim",
    [
        "Didi was never fined.",
        "SAMR did not fine Alibaba in April 2021.",
        "The Data Security Law is not in force.",
        "滴滴没有被罚款。",
        "市监总局没有对阿里巴巴罚款。",
        "国家网信办未对滴滴罚款。",
    ],
)
def test_a_claim_that_denies_what_the_sources_say_is_not_supported(bot: Briefbot, claim: str) -> None:
    check = bot.check(claim)
    assert check.verdict != "supported"
    assert check.likelihoods["supported"] == 0.0


def test_sentences_of_the_corpus_are_supported_and_others_values_in_them_are_not(bot: Briefbot) -> None:
    exchanges = make_exchanges(bot, 60, seed=2)
    assert exchanges == make_exchanges(bot, 60, seed=2)
    assert {item.kind for item in exchanges} == {"number", "date"}
    assert all(item.changed != item.sentence for item in exchanges)
    figures = measure_exchanges(bot, exchanges, load_plain_claims())
    assert figures.unchanged is not None
    assert figures.unchanged.mean >= 0.95
    assert figures.number is not None
    assert figures.number.mean <= 0.15
    assert figures.date is not None
    assert figures.date.mean <= 0.05
    assert figures.plain_true is not None
    assert figures.plain_true.mean >= 0.9
    assert figures.plain_false is not None
    assert figures.plain_false.mean <= 0.2
    assert "with another date" in render_exchanges(figures)


@pytest.mark.parametrize(
    "claim",
    [
        "Article 99 of the Personal Information Protection Law sets fines of up to 5 percent of turnover.",
        "《个人信息保护法》第九十九条规定了罚款。",
        "The Data Security Law took effect on 31 February 2021.",
    ],
)
def test_an_article_or_day_that_there_is_not_is_never_supported(bot: Briefbot, claim: str) -> None:
    assert bot.check(claim).verdict != "supported"
    assert bot.check("Article 66 of the PIPL allows a fine of up to RMB 50 million.").verdict == "supported"


@pytest.mark.parametrize(
    "claim", ["RMB", "valid", "有效", "Alibaba", "no", "½", "18.228 billion", "Article 5", "第五条"]
)
def test_what_states_nothing_is_not_found(bot: Briefbot, claim: str) -> None:
    check = bot.check(claim)
    assert (check.verdict, check.citations) == ("not_found", ())


@pytest.mark.parametrize("claim", ["5 or " * 399, "5亿元，" * 400, "1 January 2021, " * 124, "2021年11月1日，并" * 160])
def test_of_very_many_values_the_first_are_looked_up(bot: Briefbot, claim: str) -> None:
    evidence = bot.find_evidence("SAMR fined Alibaba RMB 18.228 billion on 10 April 2021.")[:8]
    bearings = find_bearings(claim, evidence, bot.glossary)
    assert len(bearings) > 100
    assert not any(item.bearers or item.rival for item in bearings[MOST_VALUES:])
    assert bot.check(claim).verdict != "supported"


def test_a_verdict_is_the_likeliest_one(bot: Briefbot) -> None:
    for claim in load_claims(split="dev")[:30]:
        check = bot.check(claim.claim)
        assert check.likelihoods[check.verdict] == max(check.likelihoods.values())


def test_a_question_is_no_claim(bot: Briefbot) -> None:
    with pytest.raises(UsageError, match=r"claim: expected a statement; got a question"):
        bot.check("Who fined Alibaba?")


def test_a_claim_of_another_field_is_not_found_and_cites_nothing(bot: Briefbot) -> None:
    check = bot.check("The Eiffel Tower was repainted in bronze for the Olympic Games.")
    assert (check.verdict, check.citations, check.differences) == ("not_found", (), ())
    assert "documents published from" in check.text
    assert bot.check("北京大兴国际机场有四条跑道。").language == "zh"


def test_nothing_published_later_bears_on_a_claim_checked_as_of_a_day(bot: Briefbot) -> None:
    day = dt.date(2022, 1, 31)
    check = bot.check("The CAC fined Didi RMB 8.026 billion.", as_of=day)
    assert check.verdict != "supported"
    assert all(item.document.published and item.document.published <= day for item in check.citations)
    narrow = bot.check("The CAC fined Didi RMB 8.026 billion.", filters=Filters(document_id=("law-pipl-2021",)))
    assert {item.document.id for item in narrow.citations} <= {"law-pipl-2021"}


@pytest.mark.parametrize("claim", ["", "   ", "x" * 2001])
def test_an_empty_or_endless_claim_is_refused_by_its_name(bot: Briefbot, claim: str) -> None:
    with pytest.raises(UsageError, match="claim: expected 1 to 2,000 characters"):
        bot.check(claim)


def test_words_of_higher_authority_stand_first() -> None:
    press = make_evidence("Article 38 of the law allows exports after an assessment.", document_id="press")
    law = make_evidence("Article 38 allows exports of data after a security assessment.", document_id="law")
    documents = {
        "press": replace(make_document("press"), authority="press"),
        "law": replace(make_document("law"), authority="law"),
    }
    claim = "Article 38 of the law allows exports, and data after a security assessment."
    found = check_claim(claim, [press, law], dict.fromkeys(documents, "in_force"), GLOSSARY, documents)
    assert [item.passage.document_id for item in found.shown] == ["law", "press"]


def test_a_text_without_force_that_a_claim_says_is_in_force_differs_in_status() -> None:
    draft = make_evidence("The Harbour Rules require users to give their real names.", document_id="draft")
    documents: dict[str, Document] = {"draft": make_document("draft")}
    claim = "The Harbour Rules that require real names are in force."
    found = check_claim(claim, [draft], {"draft": "draft"}, GLOSSARY, documents)
    assert found.verdict == "contradicted"
    assert [(item.kind, item.stated, item.found) for item in found.contrasts] == [("status", "in force", "draft")]
    assert check_claim(claim, [draft], {"draft": "in_force"}, GLOSSARY, documents).contrasts == ()


def test_the_command_the_route_and_the_product_give_one_verdict(bot: Briefbot, service: str) -> None:
    claim = "The CAC fined Didi RMB 8.026 billion in July 2022."
    ours = bot.check(claim)
    body = httpx.post(f"{service}/v1/check", json={"claim": claim}).raise_for_status().json()
    assert (body["verdict"], body["text"]) == (ours.verdict, ours.text)
    assert [item["quote"] for item in body["citations"]] == [item.quote for item in ours.citations]
    refused = httpx.post(f"{service}/v1/check", json={"claim": claim, "filters": {"issuer": ["NOBODY"]}})
    assert refused.status_code == 422
    assert "NOBODY" in refused.json()["detail"]
    wrong = subprocess.run(  # the checks of words come before the model is loaded
        [sys.executable, "-m", "briefbot", "check", " "], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("briefbot: claim: expected 1 to 2,000 characters; got 0")


# ------------------------------------------------------------------ the labelled claims


def test_half_of_the_claims_is_held_for_test_and_the_development_half_is_judged_as_well_as_when_fitted(
    bot: Briefbot,
) -> None:
    claims = load_claims()
    dev = load_claims(split="dev")
    assert len(claims) >= 120
    assert 0.4 <= len(dev) / len(claims) <= 0.6
    assert sum("starting article" in claim.note for claim in claims) >= 10
    figures = measure_claims(bot, dev)
    assert figures.macro_f1 >= 0.64
    assert "macro-F1" in render_claims(figures)


def test_every_verdict_has_weights_for_the_same_signs() -> None:
    assert INTERCEPTS.keys() == WEIGHTS.keys()
    assert len({frozenset(weights) for weights in WEIGHTS.values()}) == 1


def test_figures_follow_from_the_verdicts(bot: Briefbot) -> None:
    check = bot.check("SAMR fined Alibaba RMB 34 billion in April 2021.")

    def make(verdict: str) -> Claim:
        return Claim.model_validate(
            {
                "id": "a",
                "split": "dev",
                "language": "en",
                "claim": "c",
                "verdict": verdict,
                "differs": None,
                "needed": [],
                "documents": [],
            }
        )

    claims = [make("contradicted"), make("contradicted"), make("supported")]
    figures = score_claims(claims, [check, replace(check, verdict="supported"), check])
    assert figures.f1["contradicted"].mean == pytest.approx(0.5)
    assert figures.f1["supported"].mean == 0.0
    assert figures.macro_f1 == pytest.approx(0.25)
    assert figures.confusion["contradicted"]["supported"] == 1
    assert figures.evidence is None
    with pytest.raises(UsageError, match="expected claims; got none"):
        measure_claims(bot, [])
    assert CLAIMS_FILE.exists()


# ------------------------------------------------------------------ what a question wants to be told


@pytest.mark.parametrize(
    ("question", "noun"),
    [
        ("How many ferries did the harbour lose last year?", "ferries"),
        ("How many pilot boats has it got?", "boats"),
        ("How many sailors voted for it?", "sailors"),
        ("How many are there?", ""),
        ("How much did it cost?", ""),
        ("港口去年一共收到多少条意见？", "意见"),
        ("这些船花了多少钱？", ""),
    ],
)
def test_the_noun_that_a_question_wants_counted(question: str, noun: str) -> None:
    assert counted_in(question) == noun


@pytest.mark.parametrize(
    ("question", "told", "untold", "missing"),
    [
        (
            "How many ferries did the harbour lose?",
            "The harbour lost 3 ferries.",
            "The harbour lost its old ferries in a storm that blew for 7 hours.",
            "count",
        ),
        (
            "How many crew members must a ferry have?",
            "A ferry carries twelve crew members.",
            "It carries 300 passengers.",
            "count",
        ),
        (
            "港口收到多少条意见？",
            "港口共收到31条意见。",
            "港口按照2021年发布的规定征求意见，这一规定对渡轮、驳船和拖轮都适用，共有12条。",
            "count",
        ),
        (
            "How large was the fine on the ferry line?",
            "It was fined RMB 5 million.",
            "It has 12 ships and was fined.",
            "value",
        ),
        ("渡轮公司2021年的营收是多少？", "渡轮公司营业额为3亿元。", "渡轮公司有12艘船。", "value"),
    ],
)
def test_a_figure_that_is_asked_for_and_not_told_is_missing(
    question: str, told: str, untold: str, missing: str
) -> None:
    query = make_query(question, glossary=GLOSSARY)
    assert find_missing(query, [untold, told]) is None
    assert find_missing(query, [told]) is None
    assert find_missing(query, [untold]) == missing


def test_a_number_of_the_question_itself_is_no_answer_to_it() -> None:
    query = make_query("How large was the fine of which RMB 5 million was paid?", glossary=GLOSSARY)
    assert find_missing(query, ["The RMB 5 million of the fine were due in winter."]) == "value"


def test_what_is_missing_is_said_with_the_closest_documents(bot: Briefbot) -> None:
    answer = bot.ask("How many penguins did Alibaba buy in April 2021?")
    assert (answer.abstained, answer.abstention_reason) == (True, "weak_evidence")
    assert "“penguins”" in answer.text
    assert "The closest documents are:" in answer.text
    told = bot.ask("How many measures does the Private Economy 31-point opinions document of July 2023 contain?")
    assert not told.abstained


# ------------------------------------------------------------------ notices


def test_a_number_the_question_takes_for_granted_is_set_right(bot: Briefbot) -> None:
    answer = bot.ask("Why did SAMR fine Alibaba RMB 34 billion in April 2021?")
    notice = next(item for item in answer.notices if item.kind == "premise_differs")
    assert "“34 billion”" in notice.message
    assert "“18.228 billion”" in notice.message
    right = bot.ask("Why did SAMR fine Alibaba RMB 18.228 billion in April 2021?")
    assert "premise_differs" not in {item.kind for item in right.notices}


def test_a_number_that_limits_what_is_asked_for_and_a_body_that_is_quoted_are_not_set_right(bot: Briefbot) -> None:
    for question in ("List all fines above RMB 1 billion.", "Was Huawei invited to the February 2025 symposium?"):
        assert "premise_differs" not in {item.kind for item in bot.ask(question).notices}, question
    (notice,) = (item for item in bot.ask("Why was Didi fined by SAMR?").notices if item.kind == "premise_differs")
    assert "Cyberspace Administration of China" in notice.message


def test_a_question_about_a_time_after_the_corpus_is_told_where_it_ends(bot: Briefbot) -> None:
    answer = bot.ask("What did SAMR do about Alibaba in 2031?")
    last = max(document.published for document in bot.corpus.catalogue().documents.values() if document.published)
    notice = next(item for item in answer.notices if item.kind == "coverage_ends")
    assert last.isoformat() in notice.message
    covered = bot.ask("What did SAMR do about Alibaba in 2021?")
    assert "coverage_ends" not in {item.kind for item in covered.notices}


def test_sources_with_different_figures_for_the_same_matter_conflict() -> None:
    first = "SAMR fined Alibaba RMB 18.228 billion in April 2021."
    assert find_conflict(first, "In April 2021 SAMR fined Alibaba RMB 18.5 billion.", GLOSSARY) == (
        "18.228 billion",
        "18.5 billion",
    )
    for other in (
        "SAMR fined Meituan RMB 3.442 billion in April 2021.",
        "SAMR fined Alibaba RMB 500,000 in December 2020.",
        "SAMR fined Alibaba 18,228 million yuan in April 2021.",
        "Alibaba repaid merchants deposits of RMB 2 million in April 2021.",
    ):
        assert find_conflict(first, other, GLOSSARY) is None


@pytest.mark.parametrize(
    "claim",
    ["The CAC fined Didi.", "Didi was fined by the Cyberspace Administration of China.", "滴滴被国家网信办罚款。"],
)
def test_a_plain_claim_is_not_contradicted_where_no_source_says_otherwise(bot: Briefbot, claim: str) -> None:
    found = bot.check(claim)
    assert found.verdict == "supported"
    assert found.citations
