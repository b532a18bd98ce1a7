"""What the README promises, compared with the code."""

from __future__ import annotations

import re
from pathlib import Path

from briefbot.eval.cases import load_cases
from briefbot.ui.strings import EXAMPLES

import briefbot
from briefbot.settings import Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_settings_table_lists_every_setting_with_its_description() -> None:
    rows = {
        name: meaning
        for name, _, meaning in re.findall(r"^\| `(BRIEFBOT_\w+)` \| (.+?) \| (.+?) \|$", README, re.MULTILINE)
    }
    fields = {f"BRIEFBOT_{name.upper()}": field.description for name, field in Settings.model_fields.items()}
    assert rows == fields


def test_the_defaults_in_the_settings_table_are_the_codes() -> None:
    shown = dict(re.findall(r"^\| `BRIEFBOT_(\w+)` \| `?(.+?)`? \|", README, re.MULTILINE))
    for name, field in Settings.model_fields.items():
        if name == "home":
            continue
        expected = "none" if field.default is None else str(field.default)
        assert shown[name.upper()] == expected, name


def test_the_five_questions_are_those_of_the_page() -> None:
    assert tuple(re.findall(r"^\d\. (.+)$", README, re.MULTILINE)) == EXAMPLES


def test_the_number_of_reference_questions_is_right() -> None:
    assert f"{len(load_cases())} reference questions" in README


def test_every_file_the_readme_names_exists() -> None:
    for path in re.findall(r"`((?:ingest|src|ui|eval|tests|docs)/[\w./-]*)`", README) + re.findall(
        r"\]\((docs/[^)]+)\)", README
    ):
        assert (ROOT / path).exists(), path


def test_the_packages_list_names_every_folder_with_python_files() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = set(
        re.findall(r'^    "(briefbot[\w.]*)",$', pyproject.split("packages = [")[1].split("]")[0], re.MULTILINE)
    )
    roots = {
        "briefbot": ROOT / "src/briefbot",
        "briefbot.ingest": ROOT / "ingest",
        "briefbot.ui": ROOT / "ui",
        "briefbot.eval": ROOT / "eval",
    }
    found = {
        ".".join((name, *path.parent.relative_to(root).parts))
        for name, root in roots.items()
        for path in root.rglob("*.py")
    }
    assert listed == found


def test_the_public_surface_is_small_and_pinned() -> None:
    assert briefbot.__all__ == [
        "Answer", "Briefbot", "BriefbotError", "Citation", "Document", "Filters", "Notice", "Passage", "ScoredPassage",
        "Settings", "Statement", "Turn", "__version__",
    ]  # fmt: skip
    for name in briefbot.__all__:
        assert getattr(briefbot, name)
