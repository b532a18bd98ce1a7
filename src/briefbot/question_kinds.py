"""What kind of thing a question asks for, and which articles it refers to, by its words alone.

On 240 questions labelled by hand, half of them for choosing the patterns: the kind is right for 97 % of that half and 79 % of the
other; article numbers for all.
"""

from __future__ import annotations

import re

from briefbot.models import Asked
from briefbot.terms import read_chinese_number, to_simplified

_PATTERNS: tuple[tuple[Asked, str], ...] = (
    (
        "compare",  # How do the 2021 and the 2024 list differ? 两部法律有什么区别？
        r"\b(?:differ(?:s|ed|ence|ences|ent)?|compar(?:e|es|ed|ing|ison)|versus|vs\.?|distinguish(?:es)?)\b"
        r"|\bset.{1,50}apart\b|\bwhich (?:of|is|was) .{0,60}\b(?:larger|bigger|higher|more|stricter|longer|earlier|later|heavier)\b"
        r"|\b(?:larger|bigger|smaller|higher|lower|longer|shorter|earlier|later|stricter|better|more|less|heavier) (?:\w+ ){0,3}than\b|\btreat(?:ed|s)? .{0,30}differently\b"
        r"|\b(?:did|do|does|is|was|which) .{1,50} or .{1,40} (?:do |fare |get )?(?:larger|bigger|higher|better|more|earlier|later|worse|first)\b"
        r"|区别|差别|不同|相比|对比|比较|异同|差异|哪个更|哪家更|谁更|[谁哪].{0,12}更[大多高重早晚长严]",
    ),
    (
        "why",  # Why was Didi punished? 为什么要暂停？
        r"\bwhy\b|\bfor what reasons?\b|\bwhat (?:was|were|is|are) the (?:reasons?|grounds|motives?|rationale|cause)\b"
        r"|\bon what (?:grounds|basis)\b|\bwhat (?:prompted|led|caused|drove|made|explains|motivated)\b|\bhow come\b|\breasons? (?:for|behind|why|given|\w+ gave)\b"
        r"|为什么|为何|为啥|何以|原因|理由|缘由|出于什么|凭什么|因何|怎么会|动因|动机|用意",
    ),
    (
        "change",  # How did the threshold change? 负面清单是怎么一步步缩短的？
        r"\b(?:how|what).{0,60}\b(?:chang(?:e|es|ed|ing)|evolv(?:e|ed|es|ing)|shift(?:ed|s)?|amend(?:ed|ment)?|develop(?:ed)?|revis(?:e|ed|ion))\b"
        r"|\b(?:evolution|trajectory|course) of\b|\bover (?:time|the years)\b|\btrace\b"
        r"|\bhow (?:was|were|is|are|has|have) .{1,60}\b(?:moved|raised|lowered|loosened|tightened|relaxed|widened|narrowed|extended|shortened)\b"
        r"|\bwhat (?:did|does|do) .{1,80}\b(?:drop|add|remove|delete|alter|keep)\b.{0,40}\b(?:against|from|compared|over|since|to)\b"
        r"|变化|演变|改动|哪些(?:修改|调整|改变)|改了|修改了|修订了|调整了|变迁|变成|演进|怎么变|如何变|有何改|有什么改|先后|历次|一步步|走向|删.{0,4}增|新增了哪些",
    ),
    (
        "status",  # Is the 2021 list still in force? 这份草案后来怎么样了？
        r"\b(?:is|are|was|were|has|have|had|does|do|did)\b.{0,90}\b(?:in force|in effect|valid|effective|binding|applicable|apply|final(?:ised|ized)?|"
        r"draft|repealed|superseded|replaced|abolished|adopted|law yet|taken effect|entered into force|still|expired|pending|complete[d]?)\b"
        r"|\b(?:status|current (?:stage|state)|state of play|where (?:does|did|do|is|was) .{1,70} stand|what (?:became|happened) (?:of|to|with))\b"
        r"|还有效|是否(?:仍|还|已|生效|有效|废止|现行)|(?:生效|施行|实施|废止|失效|通过|定稿|落地)(?:了|过)?(?:吗|没|没有)|现行|效力|什么状态|什么阶段|哪一步|进展|怎么样了|下落|结论|后来.{0,20}(?:了吗|了没|了没有|吗)|现在还|\bany (?:progress|news|outcome|decision)\b|\bever (?:get|got|go|come|happen|take|materialise)"
        r"|(?:已经|还是|仍|还).{0,12}(?:草案|征求意见稿|有效|生效).{0,6}[吗？?]|还在.{0,8}吗",
    ),
    (
        "date",  # When did it take effect? 何时施行？
        r"^when\b|\bwhen (?:did|do|does|is|are|was|were|will|must|can|had|has)\b|[,;:] ?when\b|\b(?:since|until|from|by|exactly|and) when\b|\b(?:what|which) (?:date|day|year|month|week)s?\b|\bhow (?:long|soon|quickly|fast|many (?:working )?(?:days|months|years|weeks))\b"
        r"|\b(?:deadline|effective date|start date)\b"
        r"|何时|什么时候|什么时间|哪(?:一)?[年天月日]|几[月号日]|多久|多长时间|多少[个]?(?:工作日|天|日|年|月)|[几哪][年天]|日期|期限",
    ),
    (
        "amount",  # How large was the fine? 罚了多少？
        r"\bhow (?:much|many|large|big|high|low|far|small|wide|heavy|steep)\b"
        r"|\b(?:what|which) (?:\w+ ){0,3}(?:fine|amount|sum|percentage|share|threshold|proportion|number|size|figure|value|ratio|cap|limit|price|penalty|total|rate|ceiling)\b"
        r"|\b(?:size|amount|number) of\b|多少|几(?:个|家|条|项|次|款|起|类|份|名|成|倍)|金额|比例|多大|多高|规模|门槛|上限|数额|数量",
    ),
    (
        "who",  # Which body issued it? 哪个部门发布的？
        r"\bwho(?:m|se)?\b|\b(?:which|what) (?:\w+ ){0,3}(?:agency|agencies|body|bodies|ministry|ministries|regulators?|authority|authorities|department|departments|"
        r"official|court|organ|office|person|people|commission|exchange|institution)\b"
        r"|\b(?:which|what) (?:\w+ ){0,2}(?:company|firm|start-?up|group|platform|bank|court|fund|state|country|city|shareholder|investor)\b|叫什么(?:名字)?|\b(?:largest|biggest|first|main) (?:shareholder|owner|investor|buyer)\b"
        r"|谁|哪(?:个|些|几个|一)?(?:部门|机构|机关|单位|部委|家|位|人)|何人|何部门|由(?:哪|谁)",
    ),
    (
        "list",  # Which companies were fined? 有哪些措施？
        r"\b(?:which|what) (?:\w+ ){0,4}\w+s\b|\b(?:list|name|enumerate|identify)\b|^(?:please )?(?:all|give me|show me|every)\b|\bwhat are\b"
        r"|哪些|哪几|列出|列举|包括什么|都有什么|分别是|有什么(?:措施|要求|内容|规定)|哪[三四五六七八九十两]",
    ),
)
"""Patterns by kind, tried in this order, each with an example of what it is for."""

_ASKED = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _PATTERNS)
_ARTICLE = re.compile(
    r"\b(?:articles?|arts?\.?|§) ?(?P<first>\d{1,3})(?:(?: ?(?:to|-|–|through) ?(?P<last>\d{1,3}))|(?P<more>(?:(?:,| and|, and) \d{1,3})+))?"
    r"|第(?P<zh>[一二三四五六七八九十百零〇两\d]{1,6})(?:条)?(?:[至到]第?(?P<zh_last>[一二三四五六七八九十百零〇两\d]{1,6}))?条",
    re.IGNORECASE,
)
_MORE_ARTICLES = 30


_JUDGEMENT = re.compile(
    r"\bshould (?:i|we|one|investors?) (?:\w+ )?(?:buy|sell|hold|invest|short|stock|dump|keep|put|get|bet|exit|avoid|purchase)\b|\bdo you (?:think|believe|expect|reckon|like|prefer)\b|\bin your (?:opinion|view)\b"
    r"|\bwhat(?:'s| is) your (?:opinion|view|take|forecast|prediction)\b|\bwould you (?:recommend|advise|buy|sell|say|bet)\b|\b(?:good|right|best|bad) (?:time|idea|moment|stocks?|investment) to (?:buy|sell|invest|own|hold)\b"
    r"|\bworth (?:buying|investing|holding)\b|\b(?:predict|forecast|guess) (?:how|what|whether|when|if|the|which)\b|\bwhich (?:stocks?|shares?) (?:should|to|will|would)\b|\bwill\b.{0,80}\b(?:next year|in the coming (?:year|months)|by 20[3-9]\d|rise|crash|rally|collapse|rebound)\b"
    r"|你(?:觉得|认为|看好|怎么看|的看法|的观点|预测|会买)|该不该|值不值得|值得(?:买|投资|持有|入手)|会不会(?:再|涨|跌|继续)|(?:帮我|请)预测|要不要(?:买|卖|囤|抛)|(?:能|可以)(?:买|抄底)吗|适合(?:买入|投资|抄底)|明年.{0,12}会.{0,16}吗"
    r"|\b(?:a|an) (?:good|bad|safe|sound|great|wise) (?:investment|stock|buy|bet)\b|\bsafe to (?:invest|buy)\b"
    r"|^(?:so |and |but )?will .{2,60}\b(?:ban|fine|relist|delist|list|block|lift|crack down|return|win|lose|survive|recover|punish|reopen|merge"
    r"|retaliate|default|invade)\b|会(?:再)?被?(?:禁|封|下架|制裁)吗|会.{0,8}(?:上市|退市|倒闭|破产|复苏|回归|反弹)吗",
    re.IGNORECASE,
)


def asks_for_judgement(question: str) -> bool:
    """Whether a question asks for an opinion, a forecast or advice: "Should I sell …?", "你觉得……会……吗？"."""
    return bool(_JUDGEMENT.search(to_simplified(question)))


def asked_for(question: str) -> Asked:
    """The kind of thing the question asks for, by the first pattern whose words it holds."""
    folded = to_simplified(question)
    return next((kind for kind, pattern in _ASKED if pattern.search(folded)), "other")


def articles_in(question: str) -> tuple[int, ...]:
    """The article numbers a question refers to: "Article 38", "Articles 19 to 21", "第三十八条"."""
    found: list[int] = []
    for match in _ARTICLE.finditer(question):
        first = int(match["first"]) if match["first"] else read_chinese_number(match["zh"])
        if not first:
            continue
        last = int(match["last"]) if match["last"] else read_chinese_number(match["zh_last"] or "") or first
        if first <= last < first + _MORE_ARTICLES:
            found += range(first, last + 1)
        found += [int(number) for number in re.findall(r"\d+", match["more"] or "")]
    return tuple(dict.fromkeys(found))
