"""The key ring: what is kept of a key, who is let in by it, and what other processes see at once; `briefbot key`."""

from __future__ import annotations

import hmac
import json
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from briefbot import keys
from briefbot.cli import main
from briefbot.errors import NotFoundError, StorageError, UsageError
from briefbot.keys import SCOPES, KeyRing, hash_secret, parse_limit

MANY = """
import pathlib, sys
from briefbot.keys import KeyRing
ring = KeyRing(pathlib.Path(sys.argv[1]))
sys.stdin.readline()
for number in range(10):
    ring.create(f"key {number}", ["ask"])
"""
ONE = """
import pathlib, sys
from briefbot.keys import KeyRing
ring = KeyRing(pathlib.Path(sys.argv[1]))
print(ring.create("other", ["ask"])[1]) if len(sys.argv) == 2 else ring.revoke(sys.argv[2])
"""


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "home" / "keys.sqlite3")


def run_process(code: str, *arguments: object) -> str:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def test_a_key_is_found_by_its_secret_and_by_nothing_near_it(ring: KeyRing) -> None:
    key, secret = ring.create(" Research desk ", ["ask"], "60/minute")
    other, _ = ring.create("Loader", ["ingest", "ask", "ask"])
    assert secret.startswith("bb_")
    assert len(secret) > 40
    assert (key.name, key.rate_limit) == ("Research desk", "60/minute")
    assert other.scopes == {"ask", "ingest"}
    assert ring.find(secret) == key
    for wrong in ("", secret[:-1], f"{secret}x", secret.upper(), key.id, hash_secret(secret).hex()):
        assert ring.find(wrong) is None


def test_only_the_hash_of_a_key_is_kept_and_only_its_owner_may_read_the_files(ring: KeyRing) -> None:
    _, secret = ring.create("Desk", ["ask"])
    ring.find(secret)
    files = sorted(ring.path.parent.iterdir())
    assert [file.name for file in files] == ["keys.sqlite3", "keys.sqlite3-shm", "keys.sqlite3-wal"]
    written = b"".join(file.read_bytes() for file in files)
    assert hash_secret(secret) in written
    assert secret.removeprefix("bb_").encode() not in written
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_file_that_others_may_read_is_closed_to_them_with_the_next_key(ring: KeyRing) -> None:
    ring.create("Desk", ["ask"])
    ring.path.chmod(0o644)
    ring.create("Loader", ["ask"])
    assert stat.S_IMODE(ring.path.stat().st_mode) == 0o600


def test_every_live_hash_is_compared_in_constant_time_even_after_a_match(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = [ring.create(name, ["ask"])[1] for name in ("first", "second", "third")]
    revoked, _ = ring.create("revoked", ["ask"])
    ring.revoke(revoked.id)
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def compare(first: bytes, second: bytes) -> bool:
        compared.append((first, second))
        return real(first, second)

    monkeypatch.setattr("briefbot.keys.hmac.compare_digest", compare)
    assert ring.find(secrets[0])
    assert [kept for kept, _ in compared] == [hash_secret(secret) for secret in secrets]
    assert {presented for _, presented in compared} == {hash_secret(secrets[0])}


def test_a_revoked_key_opens_nothing_and_stays_in_the_list(ring: KeyRing) -> None:
    key, secret = ring.create("Desk", ["ask"])
    assert ring.has_any()
    ring.revoke(key.id)
    assert ring.find(secret) is None
    assert not ring.has_any()
    (listed,) = ring.list()
    assert listed.revoked_at
    ring.revoke(key.id)
    assert ring.list() == [listed]


def test_revoking_a_key_that_is_not_there_is_refused(ring: KeyRing) -> None:
    for _ in range(2):
        with pytest.raises(NotFoundError, match="key list"):
            ring.revoke("key_unknown")
        ring.create("Desk", ["ask"])


def test_looking_for_keys_makes_no_file(ring: KeyRing) -> None:
    assert ring.find("bb_x") is None
    assert not ring.has_any()
    assert ring.list() == []
    assert not ring.path.parent.exists()


def test_an_open_ring_sees_at_once_what_another_process_makes_and_revokes(ring: KeyRing) -> None:
    assert ring.find("bb_x") is None
    secret = run_process(ONE, ring.path)
    key = ring.find(secret)
    assert key is not None
    assert key.name == "other"
    run_process(ONE, ring.path, key.id)
    assert ring.find(secret) is None


def test_threads_and_processes_that_start_together_lose_no_key(ring: KeyRing) -> None:
    command = [sys.executable, "-c", MANY, str(ring.path)]
    others = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        faults = [pool.submit(other.communicate, "go\n") for other in others]
        made = list(pool.map(lambda number: ring.create(f"thread {number}", ["ask"])[1], range(20)))
    assert [fault.result()[1] for fault in faults] == ["", ""]
    assert len(ring.list()) == 40
    assert all(ring.find(secret) for secret in made)


def test_admin_implies_every_scope_and_the_caller_is_known_by_the_keys_id(ring: KeyRing) -> None:
    admin, _ = ring.create("Office", ["admin"], "5/day")
    loader, _ = ring.create("Loader", ["ingest"])
    assert admin.scopes == {"admin"}
    assert admin.caller == keys.Caller(admin.id, frozenset(SCOPES), "5/day")
    assert loader.caller.scopes == {"ingest"}


@pytest.mark.parametrize("scopes", [[], ["all"], ["ask", "write"], ["ASK"], [""]])
def test_a_scope_that_does_not_exist_is_refused_with_those_that_do(ring: KeyRing, scopes: list[str]) -> None:
    with pytest.raises(UsageError, match="ask, ingest, admin"):
        ring.create("Desk", scopes)
    assert not ring.path.exists()


@pytest.mark.parametrize(
    "limit", ["", "many", "0/minute", "-1/second", "60", "60/fortnight", "60/minute;1000/day", "9" * 5000 + "/day"]
)
def test_a_limit_that_is_none_or_several_is_refused_with_an_example(ring: KeyRing, limit: str) -> None:
    with pytest.raises(UsageError, match="60/minute"):
        ring.create("Desk", ["ask"], limit)


@pytest.mark.parametrize(("limit", "amount", "seconds"), [("60/minute", 60, 60), ("5 per 2 hours", 5, 7200)])
def test_a_limit_is_a_number_and_a_unit(limit: str, amount: int, seconds: int) -> None:
    item = parse_limit(limit)
    assert (item.amount, item.get_expiry()) == (amount, seconds)


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "two\nlines", "bell\a"])
def test_a_name_that_cannot_be_listed_is_refused(ring: KeyRing, name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        ring.create(name, ["ask"])


def test_the_day_of_use_is_written_once_a_day(ring: KeyRing) -> None:
    _, secret = ring.create("Desk", ["ask"])
    with closing(sqlite3.connect(ring.path)) as watcher:

        def count_changes() -> int:
            return int(watcher.execute("PRAGMA data_version").fetchone()[0])

        before = count_changes()
        ring.find(secret)
        after = count_changes()
        ring.find(secret)
        KeyRing(ring.path).find(secret)
        assert before < after == count_changes()
    (key,) = ring.list()
    assert key.last_used_day
    assert len(key.last_used_day) == len("2026-01-31")


def test_a_file_that_cannot_be_written_still_lets_the_holder_in(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_BUSY_SECONDS", 0.0)
    _, secret = ring.create("Desk", ["ask"])
    with closing(sqlite3.connect(ring.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert ring.find(secret)
        assert ring.find(secret)
        with pytest.raises(StorageError, match="keys"):
            ring.create("Loader", ["ask"])
        other.execute("ROLLBACK")
    assert ring.list()[0].last_used_day is None


def test_a_file_that_is_deleted_or_made_anew_is_what_counts_in_an_open_ring(ring: KeyRing) -> None:
    _, gone = ring.create("Gone", ["ask"])
    assert ring.find(gone)
    for file in ring.path.parent.iterdir():
        file.unlink()
    assert ring.find(gone) is None
    assert not ring.has_any()
    assert ring.find(run_process(ONE, ring.path))
    assert ring.find(gone) is None


def test_a_file_that_holds_no_keys_is_a_storage_error(ring: KeyRing) -> None:
    ring.path.parent.mkdir()
    ring.path.write_bytes(b"no database " * 100)
    for use in (ring.list, ring.has_any, lambda: ring.find("bb_x"), lambda: ring.create("Desk", ["ask"])):
        with pytest.raises(StorageError, match="keys"):
            use()


def test_keys_of_another_release_are_refused_and_left_as_they_are(ring: KeyRing) -> None:
    ring.create("Desk", ["ask"])
    ring.close()
    with closing(sqlite3.connect(ring.path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(StorageError, match="schema 9"):
        ring.find("bb_x")


@given(st.text(st.characters(), max_size=60))
@run_with(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_no_text_raises_or_finds_a_key_that_is_not_its_own(ring: KeyRing, text: str) -> None:
    ring.has_any() or ring.create("Desk", ["ask"])
    assert ring.find(text) is None


# ------------------------------------------------------------------ commands


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["briefbot", "key", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRIEFBOT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def read_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    return value


def test_the_command_prints_the_key_alone_so_that_a_shell_can_take_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, "create", "Desk") == 0
    printed = capsys.readouterr()
    secret = printed.out.strip()
    key = KeyRing(home / "keys.sqlite3").find(secret)
    assert key is not None
    assert key.scopes == {"ask"}
    assert key.id in printed.err
    assert secret not in printed.err


def test_keys_are_made_listed_and_revoked_on_the_command_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--scope", "ingest", "--scope", "ask", "--limit", "60/minute", "--json")
    assert run_main(monkeypatch, "create", "Loader", *options) == 0
    made = read_json(capsys)
    secret = made.pop("secret")
    assert (made["name"], made["scopes"], made["rate_limit"]) == ("Loader", ["ask", "ingest"], "60/minute")
    assert run_main(monkeypatch, "list", "--json") == 0
    assert read_json(capsys) == {"keys": [made]}
    assert run_main(monkeypatch, "revoke", made["id"]) == 0
    assert KeyRing(home / "keys.sqlite3").find(secret) is None
    capsys.readouterr()
    assert run_main(monkeypatch, "list") == 0
    shown = capsys.readouterr().out
    assert made["id"] in shown
    assert "ask, ingest  60/minute  Loader  (revoked 2" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("create", "Desk", "--scope", "everything"), 2, "ask, ingest, admin"),
        (("create", "Desk", "--limit", "often"), 2, "60/minute"),
        (("create", " "), 2, "name"),
        (("revoke", "key_none"), 1, "briefbot key list"),
    ],
)
def test_a_wrong_command_is_one_line_and_its_exit_code(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    word: str,
) -> None:
    assert run_main(monkeypatch, *arguments) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("briefbot: ")
    assert word in line
    assert not (home / "keys.sqlite3").exists()
