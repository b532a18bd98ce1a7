"""ZIP archives: what is in one, after its sizes, ratios and names have been checked, and nothing unpacked to disk."""

from __future__ import annotations

import lzma
import stat
import zipfile
import zlib
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import BinaryIO

from briefbot.errors import RefusedDocumentError

MOST_MEMBERS = 2000
MOST_BYTES = 200_000_000
"""Unpacked bytes of an archive's members together."""

HIGHEST_RATIO = 150
"""Unpacked bytes by packed ones; text packs about five to one, office files at most thirty."""

_FAULTS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, LookupError, NotImplementedError, RuntimeError,
)  # fmt: skip
"""What reading a damaged archive raises."""

_SMALL_BYTES = 100_000
"""A member up to this size may pack as well as it likes."""


def check_archive(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse (`RefusedDocumentError`) an archive that would unpack into too much, or is locked."""
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise RefusedDocumentError(f"{name}: expected at most {MOST_MEMBERS:,} files; got {len(members):,}; divide it")
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise RefusedDocumentError(f"{name}: expected at most {MOST_BYTES:,} bytes unpacked; got more; divide it")
    for member in members:
        if member.flag_bits & 0x1:
            raise RefusedDocumentError(f"{name}: expected an open archive; got one with a password; unpack it first")
        if member.file_size > _SMALL_BYTES and member.file_size > HIGHEST_RATIO * max(1, member.compress_size):
            raise RefusedDocumentError(
                f"{name}: expected files that unpack to at most {HIGHEST_RATIO} times their size; got {member.filename[:80]}; leave it out"
            )


def list_members(file: BinaryIO, name: str, endings: Collection[str]) -> list[str]:
    """The readable files of an archive, by path, in order; hidden ones, links and README files are left out.

    Raises `RefusedDocumentError` where it is no archive, would unpack into too much, or names a path outside itself.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            check_archive(archive, name)
            members = [PurePosixPath(member.filename) for member in archive.infolist() if _is_file(member)]
    except _FAULTS as error:
        raise RefusedDocumentError(
            f"{name}: expected a ZIP archive; got {type(error).__name__}; pack it again"
        ) from error
    outside = [member for member in members if member.is_absolute() or ".." in member.parts or "\\" in str(member)]
    if outside:
        raise RefusedDocumentError(
            f"{name}: expected paths inside the archive; got {str(outside[0])[:80]}; pack it again"
        )
    return sorted(
        str(member)
        for member in dict.fromkeys(members)
        if member.suffix.lower() in endings
        and member.name.lower() != "readme.md"
        and not any(part.startswith((".", "__MACOSX")) for part in member.parts)
    )


def _is_file(member: zipfile.ZipInfo) -> bool:
    return not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16)


def read_member(file: BinaryIO, name: str, member: str) -> bytes:
    """The bytes of one file of an archive that was checked; the others are not read."""
    try:
        with zipfile.ZipFile(file) as archive, archive.open(member) as packed:
            limit = archive.getinfo(member).file_size
            content = packed.read(limit + 1)
    except _FAULTS as error:
        raise RefusedDocumentError(
            f"{name}!{member}: expected a file that unpacks; got {type(error).__name__}: {str(error)[:80]}; pack it again"
        ) from error
    if len(content) > limit:
        raise RefusedDocumentError(f"{name}!{member}: expected {limit:,} bytes; got more; pack it again")
    return content
