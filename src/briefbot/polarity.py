"""Negation, modality and direction of what a text says, in English and Chinese: whether two texts pull the same way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from briefbot.terms import fold, query_terms, terms_of

Modality = Literal["shall", "may", "encourage", "proposed"]

_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[a-z]")
_STOP = re.compile(r"[，,；;。]")
_FUNCTION_CHARS = frozenset("的了是在和与及或有被把对为以于而也都就要将会由从向到按照依这那其此之所并且则但还再")
FUNCTION_STEMS = frozenset(
    (
        "a",
        "the",
        "to",
        "of",
        "be",
        "in",
        "on",
        "for",
        "it",
        "ani",
        "or",
        "and",
        "from",
        "that",
        "with",
        "ha",
        "is",
        "are",
        "by",
        "at",
        "an",
        "as",
        "this",
        "them",
        "they",
        "was",
        "were",
        "had",
    )
)
_SCOPE_CHARS, _SCOPE_HAN, _SCOPE_STEMS = 70, 8, 6
_NEGATION = re.compile(
    r"\b(?:not(?! (?:exceed|less|more|fewer|later|only|least))|no(?!\.| (?:later|less|more|fewer|earlier|longer than|sooner|lower|higher) than)|never|without|cannot|nor|neither|none|nothing|nobody|denied|denies|fail(?:s|ed)? to|refus(?:e|es|ed|al)|declin(?:e|es|ed) to|rather than|instead of"
    r"|prohibit(?:s|ed|ion|ions)?|forbid(?:s|den)?|bans?|banned|bars?|barred|block(?:s|ed|ing)?|veto(?:es|ed)?|reject(?:s|ed|ing)?|exempt(?:s|ed|ion|ions)?|free (?:of|from)|lacks?|lacked|leav\w+ (?:\w+ )?out|exclud\w+|unable|outside|except)\b|n['’]t\b"
    r"|不得|不再|不能|不可|不会|不应|不必|不须|不需|不予|不用|不是|不属|不受|不适用|不包括|不含|不在|不要|不(?![断仅少同久良动过足当正论法超低高限仅])|没有?|未(?![成来经])|无(?![人线锡论疑])|免于|免予|免除|免征|免缴|豁免|禁止|严禁|拒绝|否决|驳回|叫停|非(?![法公洲常])|除外|排除|而非"
)
_MODALITIES: Mapping[Modality, re.Pattern[str]] = {
    "shall": re.compile(
        r"\b(?:shall|must|ha(?:s|ve|d) to|need(?:s|ed)? to|required?|requires|requiring|requirement|obliged?|obliges|obligation|order(?:s|ed)?|mandatory|mandated?|mandates|compulsory|duty|demand(?:s|ed)?|instruct\w*|told to|bound to|is to|are to)\b"
        r"|应当|必须|应(?!用|对|急|届|邀|收|付)|须|需(?!求|要量)|有义务|责令|要求|强制|务必|不得"
    ),
    "may": re.compile(
        r"\b(?:may|can|could|might|permitted|permits?|allow(?:s|ed)?|entitled|free to|optional(?:ly)?|voluntar(?:y|ily)|discretion|ha(?:s|ve) the right|the right to)\b"
        r"|可以|可(?![能持信靠再见控])|允许|准许|准予|有权|自愿|酌情"
    ),
    "encourage": re.compile(
        r"\b(?:encourag\w+|should|urg(?:e|es|ed|ing)|advis\w+|recommend\w*|invit(?:e|es|ed)|promot\w+|support(?:s|ed|ing)?|advocat\w+|guide[sd]?|ought)\b"
        r"|鼓励|支持|倡导|提倡|引导|建议|推动|促进|宜"
    ),
    "proposed": re.compile(
        r"\b(?:propos\w+|drafts?|drafted|plan(?:s|ned|ning)?|intend(?:s|ed)?|consider(?:s|ed|ing)?|would|consultation|comment|comments|seek(?:s|ing)? to|aim(?:s|ed)? to|expected|pledg\w+|promis\w+|vow\w*|will|target\w*|going to)\b"
        r"|拟|计划|草案|征求意见|考虑|打算|将(?!近|军)|有望|预计|提议|目标|力争|承诺|表示将"
    ),
}
_DIRECTIONS: tuple[tuple[str, str], ...] = (
    (
        r"\b(?:rais\w+|increas\w+|rose|rises?|rising|grew|grow(?:s|n|ing|th)?|expand\w*|widen\w*|lengthen\w*|double[sd]?|up (?:from|by|\d[\d.]*)|gain(?:s|ed)?|extend\w*|climb\w*)\b|提高|上调|增加|扩大|增长|上升|延长|放大|增至|升至|拓宽|扩围|翻番",
        r"\b(?:lower(?:s|ed|ing)?|cut(?:s|ting)?|reduc\w+|fell|falls?|fallen|declin(?:e|es|ed|ing)(?! to)|decreas\w+|shrink\w*|shrank|shrunk|narrow\w*|shorten\w*|halv\w+|drop(?:s|ped)?|down (?:from|by|\d[\d.]*)|slash\w*|contract(?:ed|s)|trim\w*)\b|降低|下调|减少|缩小|缩减|压缩|下降|缩短|减至|降至|收窄|削减|下滑|减半",
    ),
    (
        r"\b(?:before|prior to|ahead of|earlier than|in advance|beforehand)\b|之前|以前|前(?=[，,。向应须报]|$)|事前|事先|提前|早于",
        r"\b(?:after|following|later than|afterwards|subsequent(?:ly)?)\b|之后|以后|后(?=[，,。才再方]|$)|事后|晚于",
    ),
    (
        r"\b(?:at least|minimum|more than|over (?=\d|rmb|usd|hk|a |one|two|half)|exceed\w*|above|or more|upwards of)|不少于|至少|以上|超过(?<!不超过)|不低于|多于|逾|高于|最低",
        r"\b(?:at most|up to|maximum|fewer than|less than|below|or less|or fewer|no later|cap(?:s|ped)? at)\b|不超过|至多|以下|少于|低于(?<!不低于)|不高于|以内|不足|最高|最多",
    ),
    (
        r"\b(?:approv\w+|grant(?:s|ed)?|accept(?:s|ed|ance)?|clear(?:s|ed)|authoris\w+|authoriz\w+|green light|allow(?:s|ed|ing)?|permit(?:s|ted|ting)?|welcom\w+)\b|批准|同意|准许|允许|核准|通过|受理|欢迎",
        r"\b(?:reject\w*|refus\w+|block(?:s|ed|ing)?|veto\w*|den(?:y|ies|ied)|disapprov\w+|forbid\w*|forbade|prohibit\w*|ban(?:s|ned|ning)?|bar(?:s|red|ring)|turn(?:s|ed) down)\b|否决|拒绝|驳回|禁止|不予|严禁|叫停",
    ),
    (
        r"\b(?:in force|take(?:s)? effect|took effect|taken effect|effective|enter(?:s|ed)? into force|valid|came into (?:force|effect))\b|生效|施行|有效|实施",
        r"\b(?:repeal\w*|abolish\w*|revok\w+|annul\w*|void|invalid|expir\w+|scrap(?:s|ped)?|withdr[ae]w\w*|lapse[sd]?)\b|废止|失效|撤销|作废|取消|期满",
    ),
    (
        r"\b(?:tighten\w*|tight|strict(?:er|ly)?|stiffen\w*|toughen\w*|harden\w*|tougher|harsher|crack(?:ed|s|ing)? down|strengthen\w*)\b|收紧|从严|加强|强化|严格|趋严",
        r"\b(?:eas(?:e|es|ed|ing)|relax\w*|loosen\w*|loose|liberalis\w*|liberaliz\w*|soften\w*|lenient\w*|lighter|weaken\w*|scal\w+ back)\b|放宽|放松|松绑|宽松|从宽|弱化|简化|减轻",
    ),
    (
        r"\b(?:start(?:s|ed|ing)?|launch\w*|beg[aiu]n\w*|open(?:s|ed|ing)?|resum\w+|restart\w*|reopen\w*|continu\w+|restor\w+|return(?:s|ed) to)\b|启动|开始|恢复|开放|重启|继续|开启|重新",
        r"\b(?:end(?:s|ed|ing)?|stop(?:s|ped|ping)?|suspend\w*|halt\w*|clos(?:e|es|ed|ing|ure)|cease[sd]?|terminat\w+|cancel\w*|paus\w+|freez\w+|froze\w*|shut\w*|discontinu\w+|wound? (?:down|up))\b|停止|暂停|中止|终止|结束|关闭|取消|叫停|冻结|下架",
    ),
    (
        r"\b(?:add(?:s|ed|ing)?|includ\w+|cover(?:s|ed|ing)?|list(?:s|ed) (?:in|on)|appl(?:y|ies|ied) to|fall(?:s)? (?:under|within)|extend\w* to)\b|纳入|列入|新增|包括|涵盖|适用于|增列|属于",
        r"\b(?:remov\w+|exclud\w+|delet\w+|drop(?:s|ped|ping)?|leav\w+ out|left out|outside|exempt\w*|strik\w+|struck|except)\b|删除|移出|排除|删去|除外|不包括|不适用|免于|豁免|移除|不属于",
    ),
    (r"\b(?:temporar(?:y|ily)|provisional(?:ly)?|interim)\b|暂时|临时|暂行|短期", r"\b(?:permanent(?:ly)?|indefinite(?:ly)?|for good|forever)\b|永久|长期|无限期"),
    (r"\b(?:voluntar(?:y|ily)|optional(?:ly)?)\b|自愿|可选", r"\b(?:mandatory|compulsory|obligatory|mandated)\b|强制|必须"),
    (r"\b(?:inside|within|domestic(?:ally)?|onshore|mainland)\b|境内|国内|内地", r"\b(?:outside|overseas|offshore|abroad|foreign)\b|境外|国外|海外"),
    (r"\b(?:higher|more|larger|greater|heavier|bigger)\b|更高|更多|更大|更重", r"\b(?:lower|less|fewer|smaller|lighter)\b|更低|更少|更小|更轻"),
    (r"\b(?:buy(?:s|ing)?|bought|purchas\w+|acquir\w+|invest(?:s|ed|ing)?)\b|收购|购买|买入|投资|增持", r"\b(?:s[eo]ll(?:s|ing)?|sold|divest\w*|dispos\w+|exit(?:s|ed)?|offload\w*)\b|出售|卖出|转让|减持|退出|剥离"),
    (r"\b(?:profits?|profitable|surplus)\b|盈利|利润|顺差", r"\b(?:loss|losses|deficit)\b|亏损|逆差"),
    (r"\b(?:violat\w+|breach\w*|contraven\w+|illegal(?:ly)?|unlawful(?:ly)?)\b|违反|违法|违规", r"\b(?:compl(?:y|ies|ied|iance|iant)|lawful(?:ly)?|legal(?:ly)?)\b|遵守|合法|合规|依法"),
    (r"\b(?:first|earliest|initial(?:ly)?)\b|首次|首个|首批|最早|第一", r"\b(?:last|latest|final(?:ly)?)\b|最后|末次|最终"),
    (r"\b(?:private|privately|non-state|non-public)\b|民营|私营|民间|非公有", r"\b(?:state-owned|state owned|public-sector|government-owned)\b|国有|国营|央企"),
    (r"\b(?:encourag\w+|support(?:s|ed|ing)?|promot\w+)\b|鼓励|支持|促进", r"\b(?:discourag\w+|restrict\w*|limit(?:s|ed|ing)?|curb(?:s|ed|ing)?|oppos\w+)\b|限制|遏制|抑制|反对|约束"),
)  # fmt: skip
"""Pairs of opposites: what stands in the first pattern contradicts what stands in the second, of the same thing."""

_AT_MOST = re.compile(
    r"\b(?:no|not) (?:more|greater|longer|higher|later) than\b|\b(?:not|never|neither) exceed(?:ing)?\b"
)
_AT_LEAST = re.compile(r"\b(?:no|not) (?:less|fewer|lower|shorter|earlier) than\b")
_AXES = tuple((re.compile(one), re.compile(other)) for one, other in _DIRECTIONS)


@dataclass(frozen=True, slots=True)
class Denial:
    """A word that denies, and the content words after it that it denies."""

    word: str
    scope: frozenset[str]


def content_units(text: str) -> list[str]:
    """What the words of a text are compared by, in both languages alike: Chinese characters and English stems."""
    folded = fold(text)
    han = [char for char in folded if "\u3400" <= char <= "\u9fff" and char not in _FUNCTION_CHARS]
    rest = _HAN.sub(" ", folded)
    return han + ([term for term in query_terms(rest) if not term[0].isdigit()] if _LATIN.search(rest) else [])


def denials_in(text: str) -> list[Denial]:
    """What a text denies, in order: "does not replace it" denies replacing, 未经批准 approval."""
    folded = fold(text)
    found = []
    for match in _NEGATION.finditer(folded):
        tail = _STOP.split(folded[match.end() : match.end() + _SCOPE_CHARS])[0]
        han = [char for char in tail if "\u3400" <= char <= "\u9fff" and char not in _FUNCTION_CHARS][:_SCOPE_HAN]
        stems = [term for term in terms_of(_HAN.sub(" ", tail)) if term not in FUNCTION_STEMS][:_SCOPE_STEMS]
        found.append(Denial(match[0], frozenset(han + stems)))
    return found


def denied_alone(text: str, other: str) -> list[Denial]:
    """What one text denies and the other one says without denying it."""
    theirs = denials_in(other)
    said = {*content_units(other), *terms_of(other)}
    found = []
    for denial in denials_in(text):
        least = 2 if _HAN.search("".join(denial.scope)) else 1
        is_shared = any(len(denial.scope & each.scope) >= least for each in theirs)
        if denial.scope and not is_shared and len(denial.scope & said) >= len(denial.scope) / 2:
            found.append(denial)
    return found


def modalities_in(text: str) -> frozenset[Modality]:
    """The modalities of what a text says: a duty, a permission, an encouragement, a proposal."""
    folded = fold(text)
    return frozenset(name for name, pattern in _MODALITIES.items() if pattern.search(folded))


def opposed_directions(stated: str, known: str) -> list[tuple[str, str]]:
    """Words of one text whose opposites, and not themselves, stand in the other: ("raised", "cut")."""
    first, second = (_AT_LEAST.sub("at least", _AT_MOST.sub("at most", fold(text))) for text in (stated, known))
    found: list[tuple[str, str]] = []
    for sides in _AXES:
        ours = [pattern.search(first) for pattern in sides]
        theirs = [pattern.search(second) for pattern in sides]
        for side in (0, 1):
            mine, opposite = ours[side], theirs[1 - side]
            if mine and not ours[1 - side] and opposite and not theirs[side]:
                found.append((mine[0], opposite[0]))
    return found
