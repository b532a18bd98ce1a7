"""Chinese legal texts as they are published: title, dates, issuing organ, and when they apply, read off their first and last lines.

A text is one where its title names a kind of instrument and it is divided into 第…条. What its lines do not state stays unknown.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

from briefbot.models import Authority, Document, Kind

_HEAD_CHARS = 1500
"""How far from its beginning a text tells how it came about."""

_ARTICLE = re.compile(r"^[ \t\u3000]*第[一二三四五六七八九十百千零〇\d]{1,12}条[ \t\u3000]", re.MULTILINE)
_LEAST_ARTICLES = 3
_TITLE = re.compile(
    r"^#*[ \t\u3000]*《?([\u4e00-\u9fff、（）()〈〉“”\d ]{3,60}?(?:法|条例|规定|办法|细则|规则|决定|准则|指南))》?(?:[（(].{0,20}[）)])?[ \t\u3000]*$",
    re.MULTILINE,
)
_LONGEST_TITLE_LINE_CHARS = 200
_DAY = r"(\d{4})年(\d{1,2})月(\d{1,2})日"
_ADOPTED = re.compile(rf"{_DAY}[^\n。；;]{{0,60}}?(?:通过|公布|发布|印发|签发)")
_REVISED = re.compile(rf"{_DAY}[^\n。；;]{{0,80}}?(?:修正|修订|修改)")
_IN_FORCE = re.compile(rf"自{_DAY}起(?:正式)?(?:施行|实施|生效)|^{_DAY}[ \t\u3000]*(?:起)?施行", re.MULTILINE)
_IN_FORCE_AT_ONCE = re.compile(r"自(?:公布|发布)之日起(?:施行|实施)")
_NAMED_DAY = re.compile(r"[(（](\d{4})-(\d{2})-(\d{2})[)）]$")
_NOT_NATIONAL = re.compile(
    r"^(?:中国共产党|中国人民解放军|[\u4e00-\u9fff]{2,8}?(?:省|市|自治区|自治州|自治县|经济特区|自由贸易港))"
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)

_ORGANS: tuple[tuple[str, str, Kind, Authority], ...] = (
    (r"全国人民代表大会常务委员会", "NPCSC", "law", "law"),
    (r"全国人民代表大会(?!常务)", "NPC", "law", "law"),
    (r"国务院令|国务院第\d+次常务会议|中华人民共和国国务院", "STATE_COUNCIL", "regulation", "regulation"),
    (r"国家互联网信息办公室|国家网信办", "CAC", "rule", "rule"),
    (r"国家市场监督管理总局|市场监管总局", "SAMR", "rule", "rule"),
    (r"中国证券监督管理委员会|中国证监会", "CSRC", "rule", "rule"),
    (r"商务部", "MOFCOM", "rule", "rule"),
    (r"国家发展和改革委员会|国家发展改革委", "NDRC", "rule", "rule"),
    (r"工业和信息化部", "MIIT", "rule", "rule"),
    (r"中国人民银行", "PBOC", "rule", "rule"),
    (r"国家新闻出版署", "NPPA", "rule", "rule"),
    (r"公安部", "MPS", "rule", "rule"),
)
"""Organs by how the head of a text names them: code, and the kind and rank of what they issue."""


def is_legal_title(line: str) -> bool:
    """Whether a line is nothing but the title of a Chinese legal text."""
    return len(line) <= _LONGEST_TITLE_LINE_CHARS and bool(_TITLE.fullmatch(line))


def is_legal_text(text: str) -> bool:
    """Whether a text is a Chinese legal instrument by its title and articles."""
    return bool(_TITLE.search(text[:_HEAD_CHARS])) and len(_ARTICLE.findall(text)) >= _LEAST_ARTICLES


def read_legal(document: Document, name: str = "") -> Document:
    """The document with what its own lines say of title, dates, issuer, kind and rank.

    `published` is the day of the version at hand: of the last amendment the head names, else of adoption or publication, else the
    one that `name`, what the file is called, ends with in brackets.
    """
    text = document.text
    head = _COMMENT.sub("", text[:_HEAD_CHARS])
    first_article = _ARTICLE.search(head)
    head = head[: first_article.start()] if first_article else head
    title = _TITLE.search(head)
    revised = [day for day in (_read_day(match) for match in _REVISED.finditer(head)) if day]
    adopted = [day for day in (_read_day(match) for match in _ADOPTED.finditer(head)) if day]
    named = _NAMED_DAY.search(name)
    published = max(revised, default=None) or min(adopted, default=None) or (_read_day(named) if named else None)
    issuers, kind, authority = _find_issuers(head) or _guess_issuer(title[1] if title else "")
    return replace(
        document,
        title=title[1].strip() if title else document.title,
        title_zh=title[1].strip() if title else document.title_zh,
        kind=kind,
        issuer=issuers or document.issuer,
        authority=authority,
        force="binding",
        published=published or document.published,
        effective_from=_find_effect(text, published),
        language="zh",
    )


def _guess_issuer(title: str) -> tuple[tuple[str, ...], Kind, Authority]:
    """What a text without a head is by its title: of the State's organs only the State Council names national rules 条例."""
    if title.endswith("条例") and not _NOT_NATIONAL.match(title):
        return ("STATE_COUNCIL",), "regulation", "regulation"
    return (), "rule", "rule"


def _find_issuers(head: str) -> tuple[tuple[str, ...], Kind, Authority] | None:
    found = [organ for organ in _ORGANS if re.search(organ[0], head)]
    if not found:
        return None
    highest = found[0]
    same = [organ[1] for organ in found if organ[3] == highest[3]]
    return (tuple(same) if highest[3] == "rule" else (highest[1],)), highest[2], highest[3]


def _find_effect(text: str, published: dt.date | None) -> dt.date | None:
    """The day the text applies from, as its head or last article states it; None where that is the day of an earlier version."""
    days = [day for day in (_read_day(match) for match in _IN_FORCE.finditer(text)) if day]
    if days:
        return max((day for day in days if published is None or day >= published), default=None)
    return published if _IN_FORCE_AT_ONCE.search(text) else None


def _read_day(match: re.Match[str]) -> dt.date | None:
    year, month, day = [int(part) for part in match.groups() if part and part.isdigit()][:3]
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
