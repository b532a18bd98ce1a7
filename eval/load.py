"""The service under load: users who stream answers and think between them, more users than it can serve, and streams that are cut.

The users share the machine with the service, so they are plain sockets: an HTTP library would take a good part of a core itself.
No question is asked twice while there are others left, as a question that was asked before costs less: what its words mean is remembered.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from briefbot.client import Client
from briefbot.errors import ConfigurationError, UsageError
from briefbot.sentences import split_sentences
from briefbot.terms import is_chinese

ANSWER_SECONDS = 60.0
"""A user gives an answer up after so long, which counts as an error."""

PHRASE_WORDS, PHRASE_CHARACTERS = 14, 28
"""Words of an English sentence, and characters of a Chinese one, that a question made of it takes: as long as questions are."""

MOST_ABSTAINED = 0.5
"""Part of the questions that may go without an answer: it costs less to find nothing."""

AS_BEFORE_MS = 500.0
"""A first event within that time is as fast as before, whatever the steady load had."""

_REFUSALS = frozenset((429, 503))
_GAUGES = ("briefbot_queue_running ", "briefbot_queue_waiting ", "briefbot_http_requests_open ")
_READY = re.compile(r"ready: page (http://\S+?)/ ")


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How hard the service is pressed."""

    users: int = 50
    overload_users: int = 200
    cut_streams: int = 200
    seconds: float = 60.0
    think_seconds: float = 1.0
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Targets:
    """What is expected of it."""

    first_event_p95_ms: float = 1500.0
    recovery_seconds: float = 10.0
    cut_seconds: float = 5.0


@dataclass(slots=True)
class Outcome:
    """What became of the requests of one phase; milliseconds from sending to the first event and to the end."""

    name: str
    seconds: float = 0.0
    first_ms: list[float] = field(default_factory=list)
    whole_ms: list[float] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    abstained: int = 0

    def summary(self) -> dict[str, object]:
        """The figures as JSON has them."""
        return {
            "phase": self.name,
            "answers": len(self.whole_ms),
            "answers_per_second": round(len(self.whole_ms) / self.seconds, 2) if self.seconds else None,
            "first_event_ms": _percentiles(self.first_ms),
            "answer_ms": _percentiles(self.whole_ms),
            "refused": {str(status): count for status, count in sorted(self.refused.items())},
            "errors": dict(self.errors),
            "abstained": self.abstained,
            "asked_before": self.repeated,
        }


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The figures of every phase, and the targets that were missed."""

    phases: Sequence[dict[str, object]]
    cpu_seconds_per_answer: float | None
    client_cpu_seconds_per_answer: float
    missed: Sequence[str]

    def as_json(self) -> dict[str, object]:
        """Everything, as JSON has it."""
        return asdict(self)


def _percentiles(values: Sequence[float]) -> dict[str, float] | None:
    if len(values) < 2:
        return None
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {name: round(cuts[at], 1) for name, at in (("p50", 49), ("p95", 94), ("p99", 98))}


@contextmanager
def started_service() -> Iterator[tuple[str, int]]:
    """A service of this installation on a free port of loopback: its URL and process id; raises `ConfigurationError`."""
    environment = {**os.environ, "BRIEFBOT_LOG_LEVEL": "WARNING", "BRIEFBOT_LOG_FORMAT": "text"}
    process = subprocess.Popen(
        [sys.executable, "-m", "briefbot", "serve", "--host", "127.0.0.1", "--port", "0"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield _await_ready(process), process.pid
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()


def _await_ready(process: subprocess.Popen[str]) -> str:
    said = ""
    for line in process.stderr or ():
        said = line.strip() or said
        found = _READY.search(line)
        if found:
            threading.Thread(target=lambda: process.stderr and process.stderr.read(), daemon=True).start()
            return found[1]
    raise ConfigurationError(f"expected a service that starts; got one that ended: {said[:200]}; see `briefbot serve`")


class Deck:
    """Questions in an order of their own, drawn one after the other; those that were drawn come again when all have been."""

    def __init__(self, questions: Sequence[str], seed: int) -> None:
        if not questions:
            raise UsageError("questions: expected some to ask; got none; check the case files")
        self._cards = sorted(set(questions))
        random.Random(seed).shuffle(self._cards)  # noqa: S311 - an order, no secret
        self.drawn = 0

    def draw(self) -> str:
        """The next question."""
        self.drawn += 1
        return self._cards[(self.drawn - 1) % len(self._cards)]

    @property
    def repeats(self) -> int:
        """How many of those drawn had been drawn before."""
        return max(0, self.drawn - len(self._cards))


def make_questions(url: str) -> list[str]:
    """A question about each sentence of the documents that the service answers from; raises the errors of `Client`."""
    ids: list[str] = []
    with Client(url) as client:
        while page := client.documents(limit=500, offset=len(ids)).documents:
            ids += [document.id for document in page]
        texts = [client.document(id_).text for id_ in ids]
    return [ask_about(text[start:end]) for text in texts for start, end in split_sentences(text)]


def ask_about(sentence: str) -> str:
    """A question about the beginning of a sentence, in its language."""
    if is_chinese(sentence):
        return f"{sentence[:PHRASE_CHARACTERS].strip()}，这是怎么回事？"
    return f"What is known of this: {' '.join(sentence.split()[:PHRASE_WORDS])}?"


async def press(url: str, questions: Sequence[str], plan: LoadPlan, targets: Targets, pid: int | None) -> LoadReport:
    """All phases in turn against a service; `pid` is its process, None where it is not ours."""
    deck = Deck(questions, plan.seed)
    await _ask(url, deck.draw(), Outcome("warm-up"))
    before, client_before = _cpu_seconds(pid), time.process_time()
    steady = await _users(url, deck, plan, plan.users, "steady")
    after, client_after = _cpu_seconds(pid), time.process_time()
    answers = max(1, len(steady.whole_ms))
    overload = await _users(url, deck, plan, plan.overload_users, "overload")
    recovery = await _recover(url, deck, statistics.median(steady.first_ms or [0.0]), targets)
    cut = await _cut(url, deck, plan, targets)
    missed = list(_missed(steady, overload, recovery, cut, targets, plan.cut_streams))
    return LoadReport(
        phases=[steady.summary(), overload.summary(), recovery, cut],
        cpu_seconds_per_answer=round((after - before) / answers, 4)
        if before is not None and after is not None
        else None,
        client_cpu_seconds_per_answer=round((client_after - client_before) / answers, 4),
        missed=missed,
    )


def _missed(
    steady: Outcome,
    overload: Outcome,
    recovery: dict[str, object],
    cut: dict[str, object],
    targets: Targets,
    cut_streams: int,
) -> Iterator[str]:
    first = _percentiles(steady.first_ms)
    if steady.errors or steady.refused:
        yield f"steady: expected answers only; got {dict(steady.errors)} and {dict(steady.refused)}"
    if steady.abstained > MOST_ABSTAINED * len(steady.whole_ms):
        yield f"steady: expected answers to most questions; got {steady.abstained} abstentions; look at the index"
    if first is None or first["p95"] > targets.first_event_p95_ms:
        yield f"steady: expected a first event within {targets.first_event_p95_ms:g} ms (p95); got {first and first['p95']}"
    if overload.errors or not set(overload.refused) <= _REFUSALS:
        yield f"overload: expected answers, 429 or 503 only; got {dict(overload.errors)} and {dict(overload.refused)}"
    if recovery["seconds"] is None:
        yield f"recovery: expected the service to be as fast as before within {targets.recovery_seconds:g} s; it was not"
    if cut.get("cut") != cut_streams:
        yield f"cut: expected {cut_streams} streams that can be cut; got {cut}"
    if cut["in_flight"] != 0:
        yield f"cut: expected nothing in flight after {targets.cut_seconds:g} s; got {cut['in_flight']}"


async def _users(url: str, deck: Deck, plan: LoadPlan, users: int, name: str) -> Outcome:
    """So many users at once for the time of the plan."""
    outcome = Outcome(name)
    repeats = deck.repeats
    ends = time.monotonic() + plan.seconds

    async def user(number: int) -> None:
        order = random.Random(f"{plan.seed}-{name}-{number}")  # noqa: S311 - an order, no secret
        await asyncio.sleep(order.random() * plan.think_seconds)
        while time.monotonic() < ends:
            wait = await _ask(url, deck.draw(), outcome)
            await asyncio.sleep(max(wait, plan.think_seconds))

    started = time.monotonic()
    await asyncio.gather(*(user(number) for number in range(users)))
    outcome.seconds = time.monotonic() - started
    outcome.repeated = deck.repeats - repeats
    return outcome


async def _ask(url: str, question: str, outcome: Outcome) -> float:
    """Stream one answer; the seconds that a refusal asks to wait, 0 after an answer."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(ANSWER_SECONDS), _posted(url, question) as (status, headers, reader):
            if status != 200:
                outcome.refused[status] += 1
                if status in _REFUSALS and "retry-after" not in headers:
                    outcome.errors["refused without Retry-After"] += 1
                return float(headers.get("retry-after", 1))
            name, is_whole = "", False
            async for line in _lines(reader):
                if line.startswith(b"event: "):
                    name = line[7:].decode()
                    if name == "sources":
                        outcome.first_ms.append(1000 * (time.perf_counter() - started))
                elif name == "answer" and line.startswith(b"data: "):
                    answer = json.loads(line[6:])
                    is_whole = "citations" in answer
                    outcome.abstained += bool(answer.get("abstained"))
            if is_whole:
                outcome.whole_ms.append(1000 * (time.perf_counter() - started))
            else:
                outcome.errors[f"ended with {name or 'nothing'}"] += 1
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
        outcome.errors[type(error).__name__] += 1
    return 0.0


async def _recover(url: str, deck: Deck, usual_ms: float, targets: Targets) -> dict[str, object]:
    """Seconds until one user gets a first event as soon as in the median of the steady load, or within `AS_BEFORE_MS`."""
    started = time.monotonic()
    while (waited := time.monotonic() - started) < 3 * targets.recovery_seconds:
        probe = Outcome("recovery")
        await _ask(url, deck.draw(), probe)
        if probe.first_ms and probe.first_ms[0] <= max(usual_ms, AS_BEFORE_MS):
            seconds = time.monotonic() - started
            return {"phase": "recovery", "seconds": round(seconds, 2) if seconds <= targets.recovery_seconds else None}
        await asyncio.sleep(0.5 if waited else 0.0)
    return {"phase": "recovery", "seconds": None}


async def _cut(url: str, deck: Deck, plan: LoadPlan, targets: Targets) -> dict[str, object]:
    """Streams closed at their first event, all begun at once; what is still in flight after a while.

    One that is refused comes again after as long as it is told, until all were cut.
    """
    seen: Counter[str] = Counter()
    ends = time.monotonic() + ANSWER_SECONDS

    async def cut(question: str) -> None:
        while time.monotonic() < ends:
            wait = await cut_once(question)
            if wait is None:
                return
            await asyncio.sleep(wait)

    async def cut_once(question: str) -> float | None:
        """The seconds to wait before the next attempt; None where there is none to be."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS), _posted(url, question) as (status, headers, reader):
                if status in _REFUSALS:
                    seen["refused"] += 1
                    return float(headers.get("retry-after", 1))
                async for line in _lines(reader):
                    if line == b"event: sources":
                        seen["cut"] += 1
                        return None
                seen["ended early"] += 1
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            seen[type(error).__name__] += 1
        return None

    await asyncio.gather(*(cut(deck.draw()) for _ in range(plan.cut_streams)))
    started = time.monotonic()
    in_flight = await _in_flight(url)
    while in_flight and time.monotonic() - started < targets.cut_seconds:
        await asyncio.sleep(0.05)
        in_flight = await _in_flight(url)
    return {"phase": "cut", **seen, "in_flight": in_flight, "seconds": round(time.monotonic() - started, 2)}


async def _in_flight(url: str) -> int:
    """Questions that wait or are answered, and requests without their whole response but this one, as the service's metrics tell."""
    async with _opened(url, b"GET /metrics") as (status, _, reader):
        if status != 200:
            raise UsageError(f"{url}/metrics: expected 200; got {status}; measure a service that needs no key")
        lines = [line.decode() async for line in _lines(reader)]
    gauges = [float(line.split()[1]) for line in lines if line.startswith(_GAUGES)]
    if len(gauges) != len(_GAUGES):
        raise UsageError(f"{url}/metrics: expected the gauges of the queue; got none; measure a briefbot service")
    return int(sum(gauges)) - 1


Answering = tuple[int, dict[str, str], asyncio.StreamReader]


def _posted(url: str, question: str) -> AbstractAsyncContextManager[Answering]:
    return _opened(url, b"POST /v1/answer/stream", json.dumps({"question": question, "mode": "extractive"}).encode())


@asynccontextmanager
async def _opened(url: str, head: bytes, body: bytes = b"") -> AsyncIterator[Answering]:
    """One request on a connection of its own: status, headers and the body to be read."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, limit=1 << 20)
    try:
        writer.write(
            head
            + f" HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n".encode()
            + f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        status = int((await reader.readline()).split()[1])
        headers = {}
        while line := (await reader.readline()).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        yield status, headers, reader
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The lines of a body; what divides its chunks is left in, as no line of ours looks like it."""
    while line := await reader.readline():
        yield line.rstrip(b"\r\n")


def _cpu_seconds(pid: int | None) -> float | None:
    """Processor time of a process, on Linux."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def render_load(report: LoadReport) -> Iterator[str]:
    """The figures as lines."""
    for phase in report.phases:
        yield ", ".join(f"{name}: {value}" for name, value in phase.items())
    yield f"processor seconds an answer: service {report.cpu_seconds_per_answer}, users {report.client_cpu_seconds_per_answer}"
    yield from (f"missed: {line}" for line in report.missed)
