"""Requests that schemathesis makes up from the OpenAPI description: whatever is sent, the service keeps to what it describes.

About 300 requests, or as many as BRIEFBOT_TESTS_REQUESTS says, to what takes a body or a query; some 200 to the rest.
"""

from __future__ import annotations

import logging
import math
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeAlias

import pytest
import requests
import schemathesis
from conftest import run_service
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr
from schemathesis import Case as AnyCase
from schemathesis import GenerationMode, Response
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.schemas import OpenApiSchema

from briefbot.answering import Briefbot
from briefbot.settings import Settings

Case: TypeAlias = AnyCase[Any]
Operation: TypeAlias = APIOperation[Any, Any, Any, Any]

_log = logging.getLogger(__name__)

KEY = "a-key-for-tests-only"
REQUESTS = int(os.environ.get("BRIEFBOT_TESTS_REQUESTS", "300"))
OPERATIONS = (
    "GET /v1/documents",
    "GET /v1/timeline",
    "GET /v1/coverage",
    "GET /v1/compare",
    "POST /v1/answer",
    "POST /v1/answer/stream",
    "POST /v1/answers",
    "POST /v1/check",
    "POST /v1/checks",
    "POST /v1/suggestions",
    "POST /v1/export/{format}",
    "POST /v1/search",
    "POST /v1/feedback",
    "POST /v1/chat/completions",
)
BY_ID = (
    "GET /v1/documents/{document_id}",
    "GET /v1/documents/{document_id}/versions",
    "GET /v1/models/{model}",
    "GET /v1/answers/{answer_id}",
    "GET /v1/conversations/{conversation_id}",
    "DELETE /v1/conversations/{conversation_id}",
)
"""Made-up ids name nothing, so these are asked for what exists as well."""

WITHOUT_INPUT = (
    "POST /v1/conversations",
    "GET /v1/models",
    "GET /v1/quality",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
)
NOT_FUZZED = ("POST /v1/documents",)
"""It takes files in; tests of its own send it sound, broken and hostile ones."""


class Server:
    """The service, and a session that counts what it is sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.statuses: Counter[int] = Counter()
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["authorization"] = f"Bearer {KEY}"
        config = schemathesis.Config.from_dict(
            {
                "generation": {"with-security-parameters": False},
                "checks": {
                    # only the corpus knows which issuers and topics there are
                    "positive_data_acceptance": {"enabled": False},
                    "negative_data_rejection": {"expected-statuses": [400, 404, 405, 413, 422]},
                },
            }
        )
        headers = dict(self.session.headers)
        self.schema: OpenApiSchema = schemathesis.openapi.from_url(
            f"{url}/openapi.json", config=config, headers=headers
        )

    @property
    def sent(self) -> int:
        """How many requests were answered."""
        return self.statuses.total()

    @property
    def operations(self) -> dict[str, Operation]:
        """Every operation that is described, by method and path."""
        found = (result.ok() for result in self.schema.get_all_operations() if isinstance(result, Ok))
        return {operation.label: operation for operation in found}

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What comes of a sound request."""
        response = self.session.post(f"{self.url}{path}", json=body, timeout=60)
        response.raise_for_status()
        return response.json()

    def check(self, case: Case) -> Response:
        """Send a case and hold the response against the description: its status, content type, headers and body."""
        response = case.call(base_url=self.url, session=self.session, timeout=120)
        self.statuses[response.status_code] += 1
        case.validate_response(response, transport_kwargs={"session": self.session, "base_url": self.url})
        return response


@pytest.fixture(scope="module")
def server(settings: Settings, bot: Briefbot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The whole corpus with a journal of its own."""
    home = tmp_path_factory.mktemp("fuzzed")
    own = settings.model_copy(
        update={"home": home, "access": "open", "api_key": SecretStr(KEY), "rate_limit": "1000000/second"}
    )
    with run_service(own, bot) as url:
        server = Server(url)
        yield server
        _log.info("%d requests by status: %s", server.sent, dict(sorted(server.statuses.items())))


def sample_coverage(server: Server, operation: Operation, most: int) -> Iterator[Case]:
    """Cases that together touch every keyword of the operation's schemas, valid and not; at most so many, from all over."""
    cases = list(
        server.schema.iter_coverage_cases(
            operation, generation_modes=list(GenerationMode), generation_config=server.schema.config.generation
        )
    )
    return islice(cases, 0, None, max(1, math.ceil(len(cases) / most)))


def fuzz(server: Server, operation: Operation, mode: GenerationMode, most: int) -> None:
    """Send cases that Hypothesis makes up, the same at every run."""

    @hypothesis_settings(
        max_examples=most,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Case) -> None:
        server.check(case)

    send()


@pytest.mark.parametrize("label", OPERATIONS)
def test_an_operation_keeps_to_its_description_whatever_it_is_sent(server: Server, label: str) -> None:
    operation = server.operations[label]
    share = math.ceil(REQUESTS / len(OPERATIONS))
    before = server.sent
    for case in sample_coverage(server, operation, share // 2):
        server.check(case)
    fuzz(server, operation, GenerationMode.NEGATIVE, share // 4)
    fuzz(server, operation, GenerationMode.POSITIVE, share - (server.sent - before))
    assert server.sent - before >= share


@pytest.mark.parametrize("label", BY_ID)
def test_an_operation_keeps_to_its_description_for_ids_that_name_nothing(server: Server, label: str) -> None:
    before = server.sent
    for case in sample_coverage(server, server.operations[label], 20):
        server.check(case)
    fuzz(server, server.operations[label], GenerationMode.POSITIVE, 20)
    assert server.sent - before >= 20


def test_what_exists_is_as_its_description_says(server: Server) -> None:
    conversation = server.post("/v1/conversations", {})["id"]
    question = {"question": "How much was Alibaba fined in April 2021?", "conversation_id": conversation}
    answer = server.post("/v1/answer", question)
    assert answer["citations"]
    ids = {
        "document_id": answer["citations"][0]["document"]["id"],
        "model": "briefbot",
        "answer_id": answer["id"],
        "conversation_id": conversation,
    }
    for label in BY_ID:
        operation = server.operations[label]
        (parameter,) = (it for it in operation.path_parameters if it.name in ids)
        response = server.check(operation.Case(path_parameters={parameter.name: ids[parameter.name]}))
        assert response.status_code in {200, 204}, label
    feedback = {"answer_id": answer["id"], "rating": -1, "citation": 1, "comment": "Didi?"}
    case = server.operations["POST /v1/feedback"].Case(body=feedback, media_type="application/json")
    assert server.check(case).status_code == 404  # it went with its conversation


@pytest.mark.parametrize("label", WITHOUT_INPUT)
def test_an_operation_that_takes_nothing_keeps_to_its_description_with_any_method(server: Server, label: str) -> None:
    before = server.sent
    for case in sample_coverage(server, server.operations[label], 20):
        server.check(case)
    assert server.sent - before >= 5


def test_every_operation_is_tried_or_named_as_one_that_is_not(server: Server) -> None:
    assert sorted(server.operations) == sorted([*OPERATIONS, *BY_ID, *WITHOUT_INPUT, *NOT_FUZZED])
