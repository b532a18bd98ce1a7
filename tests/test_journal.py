"""The journal: what is kept stays, nobody sees another's, and what is deleted is gone."""

from __future__ import annotations

import datetime as dt
import itertools
import multiprocessing
import os
import random
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from journal_writer import make_body, open_together

from briefbot.errors import NotFoundError, StorageError, UsageError
from briefbot.journal import MOST_ANSWERS_REMEMBERED, Journal
from briefbot.models import Turn

ROUNDS = int(os.environ.get("BRIEFBOT_TESTS_KILLS", "6"))
"""Kills of two writers each; a release is tested with 50."""

WRITER = Path(__file__).with_name("journal_writer.py")
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["journal_writer"])

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
OWNERS = (None, "key_a", "key_b")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "journal.sqlite3", keep_days=90, clock=clock)) as opened:
        yield opened


def keep(journal: Journal, id_: str, conversation: str | None = None, owner: str | None = None) -> dict[str, Any]:
    body = make_body(id_)
    journal.keep_answer(id_, body, conversation_id=conversation, owner=owner)
    return body


# ------------------------------------------------------------------ conversations and answers


def test_a_conversation_gives_back_its_answers_as_they_were_oldest_first(journal: Journal, clock: Clock) -> None:
    id_, created_at = journal.begin_conversation("key_a")
    clock.now += dt.timedelta(minutes=5)
    bodies = [keep(journal, f"ans_{number}", id_, "key_a") for number in range(3)]
    found = journal.conversation(id_, "key_a")
    assert (found.id, found.created_at, found.updated_at) == (id_, created_at, "2026-03-01T12:05:00+00:00")
    assert found.answers == bodies
    assert journal.answer("ans_1", "key_a") == bodies[1]


def test_an_answer_outside_conversations_is_kept_as_well(journal: Journal) -> None:
    assert keep(journal, "ans_1") == journal.answer("ans_1", None)


def test_ids_of_conversations_are_random_and_128_bits_long(journal: Journal) -> None:
    ids = {journal.begin_conversation(None)[0] for _ in range(20)}
    assert len(ids) == 20
    assert all(len(bytes.fromhex(id_.removeprefix("conv_"))) == 16 for id_ in ids)


def test_the_turns_are_those_of_the_newest_answers_oldest_first(journal: Journal) -> None:
    id_, _ = journal.begin_conversation(None)
    assert journal.turns_of(id_, None) == []
    for number in range(MOST_ANSWERS_REMEMBERED + 2):
        body = make_body(f"ans_{number}", question=f"Question {number}?")
        journal.keep_answer(f"ans_{number}", body, conversation_id=id_, owner=None)
    turns = journal.turns_of(id_, None)
    last = MOST_ANSWERS_REMEMBERED + 1
    assert len(turns) == 2 * MOST_ANSWERS_REMEMBERED
    assert turns[0] == Turn("user", "Question 2?")
    assert turns[-2:] == [Turn("user", f"Question {last}?"), Turn("assistant", make_body(f"ans_{last}")["text"])]
    assert journal.turns_of(id_, None, most=1) == turns[-2:]


def test_a_deleted_conversation_takes_its_answers_and_their_feedback_with_it(journal: Journal) -> None:
    id_, _ = journal.begin_conversation(None)
    keep(journal, "ans_in", id_)
    keep(journal, "ans_out")
    journal.keep_feedback("ans_in", 1, owner=None)
    journal.keep_feedback("ans_out", 1, owner=None)
    journal.delete_conversation(id_, None)
    for ask in (journal.conversation, journal.turns_of, journal.delete_conversation):
        with pytest.raises(NotFoundError, match="expected the id of a conversation that is kept"):
            ask(id_, None)
    with pytest.raises(NotFoundError, match="expected the id of an answer that is kept"):
        journal.answer("ans_in", None)
    assert [item.answer_id for item in journal.feedback()] == ["ans_out"]


def test_what_is_deleted_does_not_stay_in_the_file(journal: Journal) -> None:
    id_, _ = journal.begin_conversation(None)
    body = make_body("ans_1", question="Is Harbour Ltd being probed?")
    journal.keep_answer("ans_1", body, conversation_id=id_, owner=None)
    journal.keep_feedback("ans_1", -1, comment="Words of a reader", owner=None)
    kept = [id_.encode(), b"Harbour Ltd", b"Words of a reader"]
    assert all(words in _read_files(journal.path) for words in kept)
    journal.delete_conversation(id_, None)
    journal.close()
    assert not any(words in _read_files(journal.path) for words in kept)


def _read_files(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


def test_an_answer_for_a_conversation_that_was_deleted_meanwhile_is_not_kept(journal: Journal) -> None:
    id_, _ = journal.begin_conversation(None)
    journal.delete_conversation(id_, None)
    with pytest.raises(NotFoundError):
        keep(journal, "ans_1", id_)
    with pytest.raises(NotFoundError):
        journal.answer("ans_1", None)
    assert keep(journal, "ans_1") == journal.answer("ans_1", None)


@pytest.mark.parametrize(("owner", "other"), list(itertools.permutations(OWNERS, 2)))
def test_what_is_anothers_is_answered_for_as_what_is_not_there(
    journal: Journal, owner: str | None, other: str | None
) -> None:
    mine, _ = journal.begin_conversation(owner)
    keep(journal, "ans_mine", mine, owner)
    asked: list[tuple[str, Callable[[str], object]]] = [
        (mine, lambda id_: journal.conversation(id_, other)),
        (mine, lambda id_: journal.turns_of(id_, other)),
        (mine, lambda id_: journal.delete_conversation(id_, other)),
        (mine, lambda id_: journal.keep_answer("ans_2", make_body("ans_2"), conversation_id=id_, owner=other)),
        ("ans_mine", lambda id_: journal.answer(id_, other)),
        ("ans_mine", lambda id_: journal.keep_feedback(id_, 1, owner=other)),
        ("ans_mine", lambda id_: journal.keep_feedback(id_, 1, citation=99, owner=other)),
    ]
    for id_, ask in asked:
        assert _refusal(ask, id_).replace(id_, "…") == _refusal(ask, "nothing").replace("nothing", "…")
    assert journal.conversation(mine, owner).answers == [journal.answer("ans_mine", owner)]
    assert not list(journal.feedback())


def _refusal(ask: Callable[[str], object], id_: str) -> str:
    with pytest.raises(NotFoundError) as caught:
        ask(id_)
    return str(caught.value)


# ------------------------------------------------------------------ feedback


def test_a_later_rating_of_the_same_thing_takes_the_place_of_the_earlier(journal: Journal, clock: Clock) -> None:
    body = keep(journal, "ans_1", owner="key_a")
    journal.keep_feedback("ans_1", 1, comment="Good.", owner="key_a")
    journal.keep_feedback("ans_1", -1, citation=2, owner="key_a")
    clock.now += dt.timedelta(hours=1)
    journal.keep_feedback("ans_1", -1, comment="Not so good.", owner="key_a")
    found = [(item.rating, item.citation, item.comment, item.created_at) for item in journal.feedback()]
    assert found == [
        (-1, 2, None, "2026-03-01T12:00:00+00:00"),
        (-1, None, "Not so good.", "2026-03-01T13:00:00+00:00"),
    ]
    assert all((item.owner, item.answer) == ("key_a", body) for item in journal.feedback())


@pytest.mark.parametrize(("citations", "expected"), [(2, "1 to 2"), (0, "cites nothing")])
def test_a_citation_that_the_answer_does_not_have_cannot_be_rated(
    journal: Journal, citations: int, expected: str
) -> None:
    journal.keep_answer("ans_1", make_body("ans_1", citations), conversation_id=None, owner=None)
    with pytest.raises(UsageError, match=f"citation: expected .*{expected}; got 3"):
        journal.keep_feedback("ans_1", 1, citation=3, owner=None)
    assert not list(journal.feedback())


def test_feedback_is_read_whole_while_more_comes_in(journal: Journal) -> None:
    for number in range(250):
        keep(journal, f"ans_{number}")
        journal.keep_feedback(f"ans_{number}", 1, owner=None)
    reading = journal.feedback()
    seen = [next(reading).answer_id]
    keep(journal, "ans_new")
    journal.keep_feedback("ans_new", 1, owner=None)
    seen += [item.answer_id for item in reading]
    assert seen == [*(f"ans_{number}" for number in range(250)), "ans_new"]


# ------------------------------------------------------------------ forgetting


def test_what_is_older_than_the_days_it_is_kept_is_forgotten(journal: Journal, clock: Clock) -> None:
    idle, _ = journal.begin_conversation(None)
    used, _ = journal.begin_conversation(None)
    keep(journal, "ans_idle", idle)
    keep(journal, "ans_old", used)
    keep(journal, "ans_alone")
    journal.keep_feedback("ans_alone", 1, owner=None)
    clock.now += dt.timedelta(days=89, hours=23)
    keep(journal, "ans_new", used)
    journal.forget_old()
    assert len(journal.conversation(idle, None).answers) == 1
    clock.now += dt.timedelta(hours=1)
    journal.forget_old()
    with pytest.raises(NotFoundError):
        journal.conversation(idle, None)
    with pytest.raises(NotFoundError):
        journal.answer("ans_alone", None)
    assert [body["id"] for body in journal.conversation(used, None).answers] == ["ans_new"]
    assert not list(journal.feedback())


def test_keeping_an_answer_forgets_old_ones_at_most_once_an_hour(journal: Journal, clock: Clock) -> None:
    keep(journal, "ans_old")
    clock.now += dt.timedelta(days=90, minutes=-30)
    keep(journal, "ans_1")
    clock.now += dt.timedelta(minutes=30)
    keep(journal, "ans_2")
    assert journal.answer("ans_old", None)
    clock.now += dt.timedelta(minutes=30)
    keep(journal, "ans_3")
    with pytest.raises(NotFoundError):
        journal.answer("ans_old", None)


def test_a_journal_that_keeps_nothing_says_so(tmp_path: Path) -> None:
    with closing(Journal(tmp_path / "journal.sqlite3", keep_days=0)) as journal:
        keep(journal, "ans_1")
        with pytest.raises(NotFoundError):
            journal.answer("ans_1", None)
        with pytest.raises(UsageError, match="BRIEFBOT_HISTORY_DAYS"):
            journal.begin_conversation(None)
        with pytest.raises(UsageError, match="BRIEFBOT_HISTORY_DAYS"):
            journal.keep_feedback("ans_1", 1, owner=None)


def test_a_journal_that_keeps_nothing_any_more_forgets_all_it_had(journal: Journal, clock: Clock) -> None:
    id_, _ = journal.begin_conversation(None)
    keep(journal, "ans_1")
    with closing(Journal(journal.path, keep_days=0, clock=clock)) as other:
        other.forget_old()
    with pytest.raises(NotFoundError):
        journal.answer("ans_1", None)
    with pytest.raises(NotFoundError):
        journal.conversation(id_, None)


# ------------------------------------------------------------------ against a model


class JournalMachine(RuleBasedStateMachine):
    """The journal beside dictionaries that do the same."""

    conversations = Bundle("conversations")
    answers = Bundle("answers")
    owners = st.sampled_from(OWNERS)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.journal = Journal(self.folder / "journal.sqlite3", keep_days=2, clock=self.clock)
        self.forgot_at: dt.datetime | None = None
        self.begun: dict[str, tuple[str | None, dt.datetime]] = {}
        self.kept: dict[str, tuple[str | None, str | None, dt.datetime]] = {}
        """By answer: owner, conversation, moment."""
        self.said: dict[tuple[str, int | None], tuple[int, str | None]] = {}
        self.count = 0

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.folder)

    def _drop(self, is_gone: Callable[[str], bool]) -> None:
        self.kept = {id_: row for id_, row in self.kept.items() if not is_gone(id_)}
        self.said = {key: value for key, value in self.said.items() if key[0] in self.kept}

    def _forget(self) -> None:
        last = self.clock.now - dt.timedelta(days=2)
        self.begun = {id_: row for id_, row in self.begun.items() if row[1] > last}
        self._drop(lambda id_: self.kept[id_][2] <= last)
        self.forgot_at = self.clock.now

    def _owns(self, conversation: str, owner: str | None) -> bool:
        return conversation in self.begun and self.begun[conversation][0] == owner

    @rule(target=conversations, owner=owners)
    def begin(self, owner: str | None) -> str:
        id_, _ = self.journal.begin_conversation(owner)
        self.begun[id_] = (owner, self.clock.now)
        return id_

    @rule(target=answers, owner=owners, conversation=st.none() | conversations, citations=st.integers(0, 2))
    def keep(self, owner: str | None, conversation: str | None, citations: int) -> str:
        self.count += 1
        id_ = f"ans_{self.count}_{citations}"
        body = make_body(id_, citations)
        if conversation is not None and not self._owns(conversation, owner):
            with pytest.raises(NotFoundError):
                self.journal.keep_answer(id_, body, conversation_id=conversation, owner=owner)
            return id_
        self.journal.keep_answer(id_, body, conversation_id=conversation, owner=owner)
        self.kept[id_] = (owner, conversation, self.clock.now)
        if conversation is not None:
            self.begun[conversation] = (owner, self.clock.now)
        if self.forgot_at is None or self.clock.now - self.forgot_at >= dt.timedelta(hours=1):
            self._forget()
        return id_

    @rule(conversation=conversations, owner=owners)
    def delete(self, conversation: str, owner: str | None) -> None:
        if not self._owns(conversation, owner):
            with pytest.raises(NotFoundError):
                self.journal.delete_conversation(conversation, owner)
            return
        self.journal.delete_conversation(conversation, owner)
        del self.begun[conversation]
        self._drop(lambda id_: self.kept[id_][1] == conversation)

    @rule(
        answer=answers,
        owner=owners,
        rating=st.sampled_from((1, -1)),
        citation=st.none() | st.integers(1, 3),
        comment=st.none() | st.text(max_size=20),
    )
    def rate(self, answer: str, owner: str | None, rating: Any, citation: int | None, comment: str | None) -> None:
        def rate() -> object:
            return self.journal.keep_feedback(answer, rating, citation=citation, comment=comment, owner=owner)

        if answer not in self.kept or self.kept[answer][0] != owner:
            with pytest.raises(NotFoundError):
                rate()
        elif citation is not None and citation > int(answer[-1]):
            with pytest.raises(UsageError):
                rate()
        else:
            rate()
            self.said.pop((answer, citation), None)
            self.said[answer, citation] = (rating, comment)

    @rule(hours=st.sampled_from((0.5, 1, 24, 47)))
    def wait(self, hours: float) -> None:
        self.clock.now += dt.timedelta(hours=hours)

    @rule()
    def forget(self) -> None:
        self.journal.forget_old()
        self._forget()

    @rule()
    def open_anew(self) -> None:
        self.journal.close()
        self.journal = Journal(self.folder / "journal.sqlite3", keep_days=2, clock=self.clock)
        self.forgot_at = None

    @rule(conversation=conversations, owner=owners)
    def read_conversation(self, conversation: str, owner: str | None) -> None:
        if not self._owns(conversation, owner):
            with pytest.raises(NotFoundError):
                self.journal.conversation(conversation, owner)
            with pytest.raises(NotFoundError):
                self.journal.turns_of(conversation, owner)
            return
        found = self.journal.conversation(conversation, owner)
        expected = [id_ for id_, row in self.kept.items() if row[1] == conversation]
        assert [body["id"] for body in found.answers] == expected
        assert found.updated_at == self.begun[conversation][1].isoformat()
        texts = [turn.content for turn in self.journal.turns_of(conversation, owner) if turn.role == "assistant"]
        assert texts == [make_body(id_)["text"] for id_ in expected]

    @rule(answer=answers, owner=owners)
    def read_answer(self, answer: str, owner: str | None) -> None:
        if answer in self.kept and self.kept[answer][0] == owner:
            assert self.journal.answer(answer, owner) == make_body(answer, int(answer[-1]))
        else:
            with pytest.raises(NotFoundError):
                self.journal.answer(answer, owner)

    @invariant()
    def feedback_is_that_of_the_answers_kept(self) -> None:
        found = {(item.answer_id, item.citation): (item.rating, item.comment) for item in self.journal.feedback()}
        assert list(found.items()) == list(self.said.items())


JournalMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAgainstAModel = JournalMachine.TestCase


# ------------------------------------------------------------------ many writers, kills, full disks


def start_writer(path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(path), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def assert_kept(path: Path, told: list[str]) -> None:
    """The conversation that a writer told of first holds all answers it told of, in order, and at most one more."""
    conversation, *ids = told
    with closing(Journal(path, keep_days=90)) as journal:
        found = journal.conversation(conversation, None).answers
        assert [body["id"] for body in found[: len(ids)]] == ids
        assert len(found) - len(ids) in {0, 1}
        assert found == [make_body(body["id"]) for body in found]


def assert_sound(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_a_writer_that_is_killed_loses_no_answer_that_it_has_told_of(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    moments = random.Random(7)  # noqa: S311 - when to kill
    told: list[list[str]] = []
    for _ in range(ROUNDS):
        writers = [start_writer(path) for _ in range(2)]
        heads = [[_next_line(writer) for _ in range(moments.randrange(2, 60))] for writer in writers]
        for writer in writers:
            writer.kill()
        told += [head + _read_rest(writer) for head, writer in zip(heads, writers, strict=True)]
        assert {writer.wait() for writer in writers} == {-9}
        assert_sound(path)
    assert len(told) == 2 * ROUNDS
    for lines in told:
        assert_kept(path, lines)


def _next_line(writer: subprocess.Popen[str]) -> str:
    assert writer.stdout
    line = writer.stdout.readline().strip()
    assert line, writer.communicate()
    return line


def _read_rest(writer: subprocess.Popen[str]) -> list[str]:
    """What it told before it was killed; `communicate` would leave out what has been read into the buffer."""
    assert writer.stdout
    assert writer.stderr
    with writer.stdout, writer.stderr:
        return writer.stdout.read().split()


def test_writers_in_two_processes_and_several_threads_do_not_fail(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    writers = [start_writer(path, "100") for _ in range(2)]
    with closing(Journal(path, keep_days=90)) as journal, ThreadPoolExecutor(4) as pool:
        conversation, _ = journal.begin_conversation("key_a")
        ids = [f"ans_{number}" for number in range(100)]
        bodies = list(pool.map(lambda id_: keep(journal, id_, conversation, "key_a"), ids))
        list(pool.map(lambda id_: journal.keep_feedback(id_, 1, owner="key_a"), ids))
        found = journal.conversation(conversation, "key_a").answers
        assert sorted(body["id"] for body in found) == sorted(ids)
        assert all(body in bodies for body in found)
        assert sorted(item.answer_id for item in journal.feedback()) == sorted(ids)
        for writer in writers:
            told, errors = writer.communicate()
            assert (writer.returncode, errors) == (0, "")
            assert len(told.split()) == 101
            assert_kept(path, told.split())


def test_a_new_journal_may_be_opened_by_many_processes_at_once(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) / "journal.sqlite3" for number in range(40)]
    barrier = _processes.Barrier(6)
    openers = [_processes.Process(target=open_together, args=(paths, barrier)) for _ in range(6)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join(60)
    assert [opener.exitcode for opener in openers] == [0] * 6


def test_a_full_disk_refuses_an_answer_and_loses_none(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    writer = start_writer(path, "100000", "300000")
    told, errors = writer.communicate()
    assert writer.returncode == 1
    assert errors.startswith("StorageError: expected a journal that can be read and written")
    assert "Traceback" not in errors
    lines = told.split()
    assert len(lines) > 2
    assert_kept(path, lines)
    assert_sound(path)


def test_one_answer_is_one_transaction_and_so_one_wait_for_the_disk(journal: Journal) -> None:
    id_, _ = journal.begin_conversation(None)
    before = _count_commits(journal.path)
    for number in range(5):
        keep(journal, f"ans_{number}", id_)
    assert _count_commits(journal.path) == before + 5
    with closing(sqlite3.connect(journal.path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def _count_commits(path: Path) -> int:
    """Frames of the write-ahead log that end a transaction: they say how many pages the file has then."""
    log = path.with_name(f"{path.name}-wal").read_bytes()
    page_size = struct.unpack(">I", log[8:12])[0]
    starts = range(32, len(log), 24 + page_size)
    return sum(struct.unpack(">I", log[start + 4 : start + 8])[0] > 0 for start in starts)


# ------------------------------------------------------------------ the file


def test_only_the_user_can_read_the_file_and_its_log(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with closing(Journal(path, keep_days=90)) as journal:
        keep(journal, "ans_1")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("journal.sqlite3*")}
        assert modes == {"journal.sqlite3": 0o600, "journal.sqlite3-wal": 0o600, "journal.sqlite3-shm": 0o600}
    path.chmod(0o644)
    with closing(Journal(path, keep_days=90)) as journal:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert journal.answer("ans_1", None)


def test_a_file_that_is_no_journal_is_a_storage_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    path.write_bytes(b"These are no rows. " * 500)
    with pytest.raises(StorageError, match="expected a journal that can be read and written"):
        Journal(path, keep_days=90)
    with pytest.raises(StorageError):
        Journal(tmp_path, keep_days=90)
    with pytest.raises(StorageError):
        Journal(path / "below" / "journal.sqlite3", keep_days=90)


def test_pages_that_were_overwritten_are_a_storage_error(journal: Journal) -> None:
    for number in range(200):
        keep(journal, f"ans_{number}")
    journal.close()
    size = journal.path.stat().st_size
    with journal.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    with pytest.raises(StorageError, match="check the disk"), closing(Journal(journal.path, keep_days=90)) as damaged:
        damaged.answer("ans_100", None)


def test_an_answer_whose_bytes_were_changed_is_a_storage_error(journal: Journal) -> None:
    keep(journal, "ans_1")
    with closing(sqlite3.connect(journal.path)) as connection, connection:
        (packed,) = connection.execute("SELECT body FROM answers").fetchone()
        middle = len(packed) // 2
        changed = packed[:middle] + bytes([packed[middle] ^ 1]) + packed[middle + 1 :]
        connection.execute("UPDATE answers SET body = ?", (changed,))
    with pytest.raises(StorageError, match="check the disk"):
        journal.answer("ans_1", None)


def test_another_releases_journal_is_left_alone(journal: Journal) -> None:
    journal.close()
    with closing(sqlite3.connect(journal.path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = journal.path.read_bytes()
    with pytest.raises(StorageError, match="expected a journal of schema 1; got schema 99"):
        Journal(journal.path, keep_days=90)
    assert journal.path.read_bytes() == before


def test_a_closed_journal_says_so(journal: Journal) -> None:
    journal.close()
    with pytest.raises(StorageError, match="closed"):
        journal.answer("ans_1", None)
    with pytest.raises(StorageError, match="closed"):
        keep(journal, "ans_1")
