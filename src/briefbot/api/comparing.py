"""Two documents of the corpus part by part, and the versions of an instrument: what it was before and became."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from pydantic import Field

from briefbot.api import schemas
from briefbot.catalogue import Catalogue
from briefbot.comparing import PartKind, PartPair, compare_texts, is_same_text
from briefbot.errors import NotFoundError, UsageError
from briefbot.models import Document, Edge, EdgeType, Language
from briefbot.parts import Part

_LINKS: tuple[EdgeType, ...] = ("drafts", "amends", "supersedes", "repeals", "implements", "responds_to", "about")
_LANGUAGES: dict[Language, str] = {"en": "English", "zh": "Chinese"}
_WAYS = "either left and right, or document, from and to"


class CompareQuery(schemas.In):
    """What is to be compared: two documents, or the versions of one instrument that stood on two days."""

    left: str | None = Field(default=None, description="A document's id, with `right`", examples=["law-aml-2007"])
    right: str | None = Field(default=None, description="A document's id, with `left`", examples=["law-aml-2022"])
    document: str | None = Field(
        default=None, description="The id of any version of an instrument, with `from` and `to`", examples=[None]
    )
    since: schemas.Day | None = Field(
        default=None, alias="from", description="The day whose version is the left one", examples=[None]
    )
    until: schemas.Day | None = Field(
        default=None,
        alias="to",
        description="The day whose version is the right one, not before `from`",
        examples=[None],
    )


class PartOut(schemas.Out):
    """An article or section: `text == document.text[start:end]`, in Unicode code points, without heading and number."""

    locator: str = Field(
        description="The heading or number it stands under; empty for the opening of a text", examples=["Article 3"]
    )
    text: str = Field(description="Its text", examples=["The fine is RMB 500,000 at most."])
    start: int = Field(description="Where it begins in the document's text, in code points", examples=[1204])
    end: int = Field(description="Where it ends", examples=[1236])
    marks: list[tuple[int, int]] = Field(
        description="Spans of the document's text with the words that differ; none in a part that is not `changed`",
        examples=[[[1220, 1227]]],
    )

    @classmethod
    def of(cls, part: Part) -> PartOut:
        """From the value the product works with."""
        return cls(locator=part.locator, text=part.text, start=part.start, end=part.end, marks=list(part.marks))


class PartPairOut(schemas.Out):
    """What became of a part."""

    kind: PartKind = Field(
        description="`same`: no word differs, though its place or number may; `added`: only on the right; `removed`: only on the left",
        examples=["changed"],
    )
    left: PartOut | None = Field(description="The part on the left")
    right: PartOut | None = Field(description="The part on the right")

    @classmethod
    def of(cls, pair: PartPair) -> PartPairOut:
        """From the value the product works with."""
        left, right = (PartOut.of(part) if part else None for part in (pair.left, pair.right))
        return cls(kind=pair.kind, left=left, right=right)


class LinkOut(schemas.Out):
    """The edge between the two documents."""

    type: EdgeType = Field(description="How they are linked", examples=["amends"])
    document_id: str = Field(description="The document that states it", examples=["law-aml-2022"])
    words: str = Field(description="The words that state it", examples=["amends the law of 2007"])


class CountsOut(schemas.Out):
    """How many parts came to which end."""

    same: int = Field(description="Parts in which no word differs", examples=[33])
    changed: int = Field(description="Parts in which words differ", examples=[25])
    added: int = Field(description="Parts of the right document alone", examples=[13])
    removed: int = Field(description="Parts of the left document alone", examples=[0])


class CompareOut(schemas.Out):
    """Two documents part by part, in the order of the right one."""

    left: schemas.DocumentOut = Field(description="The left document; its status is that of `from`, or of today")
    right: schemas.DocumentOut = Field(description="The right document; its status is that of `to`, or of today")
    is_same: bool = Field(description="Whether the two texts are the same but for white space", examples=[False])
    link: LinkOut | None = Field(description="The edge between the two, where one states it")
    counts: CountsOut = Field(description="How many parts came to which end")
    parts: list[PartPairOut] = Field(description="The parts of both, each once; removed ones stand where they stood")


class VersionsOut(schemas.Out):
    """The versions of an instrument in one language."""

    versions: list[schemas.DocumentOut] = Field(description="Drafts and texts by day of publication, oldest first")


def list_versions(catalogue: Catalogue, document_id: str) -> VersionsOut:
    """The versions of a document, each with its status of today; raises `NotFoundError` for an unknown id."""
    versions = find_versions(catalogue, _find_document(catalogue, "document_id", document_id))
    return VersionsOut(versions=[schemas.DocumentOut.of(item, catalogue.status_of(item)) for item in versions])


# ---------------------------------------------------------------- which documents


def find_versions(catalogue: Catalogue, document: Document) -> list[Document]:
    """The document and all that drafts, amends or supersedes it or one of those, in its language, by day of publication."""
    found = {document.id: None}
    waiting = [document.id]
    while waiting:
        new = [id_ for id_ in catalogue.lineage.versions(waiting.pop()) if id_ not in found]
        found.update(dict.fromkeys(new))
        waiting += new
    versions = [catalogue.documents[id_] for id_ in found]
    return sorted(
        (item for item in versions if item.language == document.language),
        key=lambda item: (item.published or dt.date.min, item.stage == "adopted", item.id),
    )


def version_on(catalogue: Catalogue, document: Document, day: dt.date) -> Document | None:
    """The version that stood on a day: the newest in force, else the newest adopted, else the newest draft, if there was one."""
    published = [item for item in find_versions(catalogue, document) if item.published and item.published <= day]
    standing = [item for item in published if catalogue.status_on(item.id, day) in {"in_force", "final"}]
    adopted = [item for item in published if item.stage == "adopted"]
    return next((group[-1] for group in (standing, adopted, published) if group), None)


def _find_document(catalogue: Catalogue, field: str, id_: str) -> Document:
    document = catalogue.documents.get(id_)
    if document is None:
        raise NotFoundError(
            f"{field}: expected the id of a document in the corpus; got {id_[:80]}; GET /v1/documents lists them"
        )
    return document


def _find_version(catalogue: Catalogue, field: str, id_: str, day: dt.date) -> Document:
    document = _find_document(catalogue, "document", id_)
    version = version_on(catalogue, document, day)
    if version is None:
        first = next((item.published for item in find_versions(catalogue, document) if item.published), None)
        known = (
            f"its first version is of {first}; choose a later day" if first else "its day is not known; name the two"
        )
        raise UsageError(f"{field}: expected a day on which a version of {id_[:80]} was published; got {day}; {known}")
    return version


def _choose_documents(catalogue: Catalogue, query: CompareQuery) -> tuple[Document, Document]:
    """The two that are asked for; raises `UsageError` for any other combination of fields."""
    got = [info.alias or name for name, info in CompareQuery.model_fields.items() if getattr(query, name) is not None]
    if query.left is not None and query.right is not None and len(got) == 2:
        return _find_document(catalogue, "left", query.left), _find_document(catalogue, "right", query.right)
    if query.document is None or query.since is None or query.until is None or len(got) != 3:
        given = ", ".join(got) or "nothing"
        raise UsageError(f"expected {_WAYS}; got {given}; correct the request", expected=_WAYS, got=given)
    if query.until < query.since:
        raise UsageError(f"to: expected a day not before {query.since}; got {query.until}; exchange the two days")
    return (
        _find_version(catalogue, "from", query.document, query.since),
        _find_version(catalogue, "to", query.document, query.until),
    )


# ---------------------------------------------------------------- the comparison


def compare_documents(catalogue: Catalogue, query: CompareQuery) -> CompareOut:
    """The comparison that is asked for; raises `NotFoundError` for an unknown id, `UsageError` for what cannot be compared."""
    left, right = _choose_documents(catalogue, query)
    if left.language != right.language:
        raise _other_language(catalogue, left, right)
    pairs = compare_texts(left.text, right.text)
    kinds = [pair.kind for pair in pairs]
    return CompareOut(
        left=schemas.DocumentOut.of(left, catalogue.status_of(left, query.since)),
        right=schemas.DocumentOut.of(right, catalogue.status_of(right, query.until)),
        is_same=is_same_text(left.text, right.text),
        link=next(_links(left, right), None),
        counts=CountsOut(
            same=kinds.count("same"),
            changed=kinds.count("changed"),
            added=kinds.count("added"),
            removed=kinds.count("removed"),
        ),
        parts=[PartPairOut.of(pair) for pair in pairs],
    )


def _links(left: Document, right: Document) -> Iterator[LinkOut]:
    """The edges between two documents, those between versions first."""
    found: list[tuple[Document, Edge]] = [(right, edge) for edge in right.edges if edge.target == left.id]
    found += [(left, edge) for edge in left.edges if edge.target == right.id]
    for document, edge in sorted(found, key=lambda item: _LINKS.index(item[1].type)):
        yield LinkOut(type=edge.type, document_id=document.id, words=edge.words)


def _other_language(catalogue: Catalogue, left: Document, right: Document) -> UsageError:
    """The refusal of two documents in different languages, with the one to choose where a summary is about it."""
    expected = f"two documents in one language, as {left.id} in {_LANGUAGES[left.language]}"
    got = f"{right.id} in {_LANGUAGES[right.language]}"
    choices = [f"{twin.id} for {item.id}" for item in (right, left) for twin in _twins(catalogue, item)]
    advice = f"choose {choices[0]}" if choices else "choose a version of the same language"
    return UsageError(f"expected {expected}; got {got}; {advice}", expected=expected, got=got)


def _twins(catalogue: Catalogue, document: Document) -> Iterator[Document]:
    """The same instrument in the other language: what this one is about, or what is about it."""
    ids = [edge.target for edge in document.edges if edge.type == "about"]
    ids += [other.id for type_, other in catalogue.lineage.incoming(document.id) if type_ == "about"]
    for twin in (catalogue.documents[id_] for id_ in ids if id_ in catalogue.documents):
        if twin.kind == document.kind and twin.language != document.language:
            yield twin
