"""The client of the HTTP API, blocking and async: typed answers, and this product's own errors in the place of problems.

It needs none of the heavy packages: no model, no index and no web server is loaded.
"""

from __future__ import annotations

from briefbot.client.asynchronous import AsyncClient, AsyncConversation
from briefbot.client.blocking import Client, Conversation
from briefbot.client.options import AnswerOptions, ListOptions, QuestionOptions, SearchOptions, TimelineOptions
from briefbot.client.replies import StreamEvent
from briefbot.errors import UnreachableError

__all__ = [
    "AnswerOptions",
    "AsyncClient",
    "AsyncConversation",
    "Client",
    "Conversation",
    "ListOptions",
    "QuestionOptions",
    "SearchOptions",
    "StreamEvent",
    "TimelineOptions",
    "UnreachableError",
]
