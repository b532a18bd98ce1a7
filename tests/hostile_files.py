"""More than 500 malformed and hostile files of every format, from fixed seeds: `write_all` puts them into a folder."""
# ruff: noqa: E501

from __future__ import annotations

import os
import random
from collections.abc import Callable
from itertools import product
from pathlib import Path

from hostile_packages import archives, word_files
from hostile_pdfs import pdf_files
from hostile_texts import front_matter, texts, web_pages
from sound_files import Files, good_files

LARGE_BYTES = 50_000_000
MUTANTS_OF_EACH = 40
# ------------------------------------------------------------------ mutants


def _flip_bits(data: bytearray, chance: random.Random, _other: bytes) -> None:
    for _ in range(chance.choice((1, 8, 64))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _cut_end(data: bytearray, chance: random.Random, _other: bytes) -> None:
    del data[chance.randrange(1, len(data)) :]


def _cut_start(data: bytearray, chance: random.Random, _other: bytes) -> None:
    del data[: chance.randrange(1, len(data))]


def _cut_middle(data: bytearray, chance: random.Random, _other: bytes) -> None:
    first, last = sorted(chance.sample(range(len(data)), 2))
    del data[first:last]


def _repeat(data: bytearray, chance: random.Random, _other: bytes) -> None:
    first, last = sorted(chance.sample(range(len(data)), 2))
    data[last:last] = data[first:last] * chance.choice((1, 3, 20))


def _splice(data: bytearray, chance: random.Random, other: bytes) -> None:
    data[chance.randrange(len(data)) :] = other[chance.randrange(len(other)) :]


def _insert_zeros(data: bytearray, chance: random.Random, _other: bytes) -> None:
    at = chance.randrange(len(data))
    data[at:at] = bytes(chance.choice((1, 7, 4096)))


def _insert_ones(data: bytearray, chance: random.Random, _other: bytes) -> None:
    at = chance.randrange(len(data))
    data[at:at] = b"\xff" * chance.choice((1, 7, 4096))


def _swap(data: bytearray, chance: random.Random, _other: bytes) -> None:
    first, middle, last = sorted(chance.sample(range(len(data)), 3))
    data[first:last] = data[middle:last] + data[first:middle]


def _change_numbers(data: bytearray, chance: random.Random, _other: bytes) -> None:
    places = [at for at, byte in enumerate(data) if 48 <= byte <= 57] or [0]
    for at in chance.choices(places, k=12):
        data[at] = chance.choice(b"0123456789-")


_MUTATIONS: tuple[Callable[[bytearray, random.Random, bytes], None], ...] = (
    _flip_bits, _cut_end, _cut_start, _cut_middle, _repeat, _splice, _insert_zeros, _insert_ones, _swap, _change_numbers,
)  # fmt: skip


def mutants() -> Files:
    """Damaged copies of the good files, each distinct from all others."""
    whole = good_files()
    seen = set(whole.values())
    for name, data in whole.items():
        chance = random.Random(name)  # noqa: S311 - damage, not secrets
        made = 0
        while made < MUTANTS_OF_EACH:
            mutation = _MUTATIONS[made % len(_MUTATIONS)]
            damaged = bytearray(data)
            mutation(damaged, chance, whole[chance.choice(sorted(whole))])
            if bytes(damaged) in seen:
                continue
            seen.add(bytes(damaged))
            stem, ending = name.split(".")
            yield f"{stem}-{made:02}{mutation.__name__.replace('_', '-')}.{ending}", bytes(damaged)
            made += 1


# ------------------------------------------------------------------ wrong endings, odd names, large files


def disguised() -> Files:
    """Every format under the endings of the others."""
    whole = good_files()
    image = b"\x89PNG\r\n\x1a\n" + bytes(500)
    program = b"\x7fELF" + bytes(range(256)) * 20
    formats = {
        "markdown": whole["plain.md"], "text-utf-16": whole["wide.txt"], "page": whole["page.html"], "pdf": whole["paper.pdf"], "word": whole["letter.docx"],
        "archive": whole["pack.zip"], "picture": image, "program": program, "rich-text": b"{\\rtf1 fee}", "old-word": b"\xd0\xcf\x11\xe0" + bytes(600), "nothing": b"",
    }  # fmt: skip
    own = {"markdown": ".md", "page": ".html", "pdf": ".pdf", "word": ".docx", "archive": ".zip"}
    for (kind, data), ending in product(formats.items(), (".md", ".txt", ".html", ".pdf", ".docx", ".zip")):
        if own.get(kind) != ending:
            yield f"{kind}{ending}", data


_ODD_NAMES: tuple[bytes, ...] = (
    b"line\nbreak.md", b"tab\there.txt", b"n" * 252 + b".md", b"\xff\xfe no utf-8.md", b"\x1b[31mred\x1b[0m.md", "\u202egnp.md".encode(), "\u200b.md".encode(), b" .md", b"a b  c .MD",
    b"'; DROP TABLE documents; --.md", b"<script>alert(1)</script>.md".replace(b"/", b"_"), b"%s%n%x.txt", b"$(touch harm).txt", b"-rf.txt", b"a!b.zip!c.md", b"....md", "条例(9999-99-99).md".encode(),
)  # fmt: skip


def write_odd_names(folder: Path) -> None:
    """Good texts under names that break what prints, stores or splits them."""
    folder.mkdir()
    for number, name in enumerate(_ODD_NAMES):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118, PTH123 - a name of bytes
            file.write(
                f"Ferry number {number} of the harbour has a name of its own, and leaves at {number} o'clock.".encode()
            )


def write_large(folder: Path) -> None:
    """50 MB of zeros, of random bytes and of text under every ending; each is on the disk once, and the zeros nowhere."""
    folder.mkdir()
    chance = random.Random(50)  # noqa: S311 - bytes, not secrets
    noise = chance.randbytes(1_000_000) * (LARGE_BYTES // 1_000_000)
    line = b"The harbour office raised the fee. "
    for kind, data in (("zeros", b""), ("noise", noise), ("text", line * (LARGE_BYTES // len(line)))):
        first = folder / f"{kind}.md"
        first.write_bytes(data)
        os.truncate(first, LARGE_BYTES)
        for ending in (".txt", ".html", ".pdf", ".docx", ".zip"):
            (folder / f"{kind}{ending}").hardlink_to(first)
    for name, start in (
        ("begins-as-pdf.pdf", b"%PDF-1.7\n%%EOF\n"),
        ("begins-as-zip.zip", b"PK\x03\x04"),
        ("begins-as-page.html", b"<html>"),
    ):
        (folder / name).write_bytes(start)
        os.truncate(folder / name, LARGE_BYTES)


def write_special(folder: Path) -> list[Path]:
    """What has the ending of a text and is none: a folder, a pipe, links to nothing, to themselves and to devices, and a terabyte."""
    folder.mkdir()
    (folder / "folder.md").mkdir()
    os.mkfifo(folder / "pipe.md")
    (folder / "terabyte.md").touch()
    os.truncate(folder / "terabyte.md", 1 << 40)
    for name, target in (
        ("nothing.md", "none-such"),
        ("circle.md", "circle.md"),
        ("zero.md", "/dev/zero"),
        ("random.txt", "/dev/urandom"),
        ("pipe.pdf", "pipe.md"),
        ("up.md", ".."),
    ):
        (folder / name).symlink_to(target)
    return sorted(folder.iterdir())


def write_all(folder: Path, outside: str) -> dict[str, int]:
    """Write every file, one folder a kind, and say how many there are of each; `outside` is the address that some point to."""
    kinds: dict[str, Files] = {
        "mutants": mutants(), "archives": archives(), "word": word_files(outside), "pdf": pdf_files(), "pages": web_pages(outside),
        "front-matter": front_matter(), "texts": texts(), "disguised": disguised(),
    }  # fmt: skip
    for kind, files in kinds.items():
        (folder / kind).mkdir()
        for name, data in files:
            (folder / kind / name).write_bytes(data)
    write_odd_names(folder / "names")
    write_large(folder / "large")
    return {kind.name: sum(1 for _ in kind.iterdir()) for kind in sorted(folder.iterdir())}
