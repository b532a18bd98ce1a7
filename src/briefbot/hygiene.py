"""Which sentences of a source may be shown: none that hold links, markup or hidden characters, or that talk to a machine.

Documents are untrusted. What a source says about the world is quoted; what would act on a reader, a page or a model is not.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ACTIVE = re.compile(
    r"(?:https?|hxxps?|ftp|javascript|vbscript|data|file|mailto)\s*:\s*\S|\bwww\.|\]\s*\(|!\[|<\s*[a-z/!?]|&#?\w{2,8};|\[\.\]|```|\{\{|\}\}"
    r"|\b[a-z0-9-]+\.(?:example|test|invalid|onion|zip|click|top|xyz)\b",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"^\W*(?:system|assistant|user|human|developer|tool|系统|助手|用户|开发者|管理员)\s*[:：>]|<\|?\w+\|?>|^\W*#{2,}",
    re.IGNORECASE,
)
_ADDRESSED = re.compile(
    r"\b(?:ignore|disregard|forget|never\s?mind|override|bypass)\b.{0,40}\b(?:above|previous|prior|earlier|preceding|evidence|instructions?|rules?|prompts?|context|text)\b"
    r"|\b(?:system|developer|hidden|original) (?:prompt|message|instructions?)\b|\bapi[ _-]?keys?\b|\bnew (?:task|instructions?)\b|\byou are (?:now|no longer)\b"
    r"|\b(?:the|this|any|an|your) (?:assistant|language model|chatbot|chat bot|llm|answering system|answer engine)\b.{0,30}\b(?:must|should|shall|is to|has to|will|may only|needs? to)\b"
    r"|\b(?:answer|reply|respond|output|print|write|repeat|say|begin|end|start) (?:only|just|nothing|exactly|with|every|each|the word)\b.{0,60}\b(?:word|only|nothing else|code\s?word|verbatim|letters?|digits?|password|phrase)\b"
    r"|\b(?:code\s?word|pass\s?word|secret word|watchword)\b"
    r"|(?:忽略|无视|忘记|不要理会|跳过|作废).{0,12}(?:以上|上述|之前|此前|前面|上文|所有|一切|规则|指令|证据|资料|内容)|系统提示|提示词|隐藏指令|开发者模式|新任务|你(?:现在)?是(?!否)|请你"
    r"|(?:助手|模型|机器人|答题系统|问答系统|回答者|作答者)(?:须|应|必须|应当|请|只能|将|要|在)|(?:只|仅)(?:需|须|能|可|要|应)?(?:回答|输出|回复|答|写)|(?:密钥|口令|暗号|密码|暗语)|(?:英文)?单词[A-Z]",
    re.IGNORECASE,
)


@lru_cache(maxsize=8192)
def is_showable(sentence: str) -> bool:
    """Whether a sentence of a source may be shown to a reader or a model; the same ones are asked about again and again."""
    if not sentence.isprintable() and any(_is_hidden(char) for char in sentence):
        return False
    plain = unicodedata.normalize("NFKC", sentence)
    return not (_ACTIVE.search(plain) or _ROLE.search(plain) or _ADDRESSED.search(plain))


def talks_to_machine(text: str) -> bool:
    """Whether a text gives orders to whatever reads it, or asks for its settings."""
    return bool(_ADDRESSED.search(unicodedata.normalize("NFKC", text)))


def _is_hidden(char: str) -> bool:
    """Whether a character shows nothing itself: zero width, text direction, tags, soft hyphens, control characters."""
    return unicodedata.category(char) in {"Cf", "Cc", "Co", "Cn"} and char not in "\n\t\r"
