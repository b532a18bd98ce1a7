"""Every text of the interface, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Key = Literal[
    "title", "tagline", "ask_label", "ask_placeholder", "send", "examples", "chat", "sources", "sources_hint", "failed",
    "too_slow", "as_of", "notice", "close", "open_original", "source_of_mark", "status", "language",
]  # fmt: skip

STRINGS: Mapping[Literal["en", "zh"], Mapping[Key, str]] = {
    "en": {
        "title": "briefbot",
        "tagline": "China's technology policy, answered with the exact words that support it.",
        "ask_label": "Your question",
        "ask_placeholder": "Ask in English or Chinese, for example: Why was Didi fined?",
        "send": "Ask",
        "examples": "Try one of these",
        "chat": "Conversation",
        "sources": "Source",
        "sources_hint": "Choose a number in an answer to read its source here, with the quoted words marked.",
        "failed": "No answer came: {reason} Your question is still in the box; try again.",
        "too_slow": "the service did not answer in time.",
        "as_of": "Answer as of (optional)",
        "notice": "Note",
        "close": "Close the source",
        "open_original": "Official text",
        "source_of_mark": "Source {number}: {title}, {date}",
        "status": "Status",
        "language": "中文",
    },
    "zh": {
        "title": "briefbot",
        "tagline": "关于中国科技政策的问答，每一句都附有原文依据。",
        "ask_label": "您的问题",
        "ask_placeholder": "可用中文或英文提问，例如：滴滴为什么被罚？",
        "send": "提问",
        "examples": "试试这些问题",
        "chat": "对话",
        "sources": "来源",
        "sources_hint": "点击回答中的编号，即可在此阅读来源，引用的原文会被标出。",
        "failed": "未能得到回答：{reason}您的问题仍在输入框中，请重试。",
        "too_slow": "服务未能及时响应。",
        "as_of": "截至日期（可选）",
        "notice": "注意",
        "close": "关闭来源",
        "open_original": "官方文本",
        "source_of_mark": "来源 {number}：{title}，{date}",
        "status": "状态",
        "language": "English",
    },
}

EXAMPLES: tuple[str, ...] = (
    "How much was Alibaba fined in April 2021, and by whom?",
    "滴滴被罚了多少钱？",
    "When did the Data Security Law take effect?",
    "Which companies must declare a data export security assessment?",
    "What did the State Council promise foreign investors in August 2023?",
)
"""The five questions of the README, which the tests ask through page, API and terminal."""
