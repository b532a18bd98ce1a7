"""Claims about the corpus with their right verdicts, for a check of claims to be chosen on one half and measured on the other."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from briefbot.eval.cases import NeededFact, Split
from briefbot.eval.labelled import read_rows
from pydantic import BaseModel, ConfigDict, Field

CLAIMS_FILE = Path(__file__).parent / "pairs" / "claims.jsonl"
"""The bundled claims."""


class Claim(BaseModel):
    """A claim as a journalist or a chatbot would state it, and what the corpus makes of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    split: Split
    language: Literal["en", "zh"]
    claim: str = Field(min_length=1)
    verdict: Literal["supported", "contradicted", "partly", "not_found"]
    differs: Literal["number", "date", "actor", "status", "other"] | None = Field(
        description="What the corpus has otherwise"
    )
    needed: list[NeededFact] = Field(description="The right value, where there is one")
    documents: list[str] = Field(description="Documents that state the matter, best first")
    note: str = ""


def load_claims(path: Path = CLAIMS_FILE, *, split: Split | None = None) -> list[Claim]:
    """The claims in a JSON Lines file; raises `UsageError` that names the line at fault."""
    return [claim for claim in read_rows(path, Claim) if split in (None, claim.split)]
