"""Every refusal over HTTP as an RFC 9457 problem, with words for the cashier (docs/errors.md)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse
from starlette.types import Scope

from renkei.errors import TillRefused
from renkei.services.refusals import REFUSALS, Refusal
from renkei.web.trace import trace_of
from renkei_contracts.till import TillProblem

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1

QUOTA_SECONDS = 60
"""After so long every look-up that found nobody is forgotten."""

STAFF = "係員を呼んでください"
AGAIN = "もう一度お試しください"

OF_THE_WEB: dict[str, Refusal] = {
    "bad_request": Refusal(400, f"送信の形式が不正です。{STAFF}", False, "call_staff"),
    "unauthorized": Refusal(401, f"この端末を認証できません。{STAFF}", False, "call_staff"),
    "clock_skew": Refusal(401, f"この端末の時計がずれています。{STAFF}", False, "call_staff"),
    "nonce_reused": Refusal(401, f"同じ送信が二度届きました。{AGAIN}", True, "retry"),
    "token_expired": Refusal(401, f"認証の期限が切れました。{AGAIN}", True, "retry"),
    "delivery_refused": Refusal(401, "通知の署名を確認できません", False, "call_staff"),
    "scope_missing": Refusal(
        403, f"この端末には操作の権限がありません。{STAFF}", False, "call_staff"
    ),
    "local_only": Refusal(403, "このサーバーの中からだけ参照できます", False, "call_staff"),
    "not_found": Refusal(404, f"送信先が見つかりません。{STAFF}", False, "call_staff"),
    "connection_unknown": Refusal(404, "通知の宛先が見つかりません", False, "call_staff"),
    "method_not_allowed": Refusal(405, f"送信の方法が不正です。{STAFF}", False, "call_staff"),
    "body_timeout": Refusal(408, f"送信が途中で止まりました。{AGAIN}", True, "retry"),
    "body_too_large": Refusal(413, f"送信の内容が大きすぎます。{STAFF}", False, "call_staff"),
    "content_type_unsupported": Refusal(
        415, f"送信の種類がJSONではありません。{STAFF}", False, "call_staff"
    ),
    "unavailable": Refusal(503, f"ただいま確認できません。{AGAIN}", True, "retry"),
}

PROBLEMS: Mapping[str, Refusal] = REFUSALS | OF_THE_WEB
"""Every code there is: those of the till's services and those of HTTP itself."""

BY_STATUS = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_timeout",
    413: "body_too_large",
    415: "content_type_unsupported",
    503: "unavailable",
}


class Fault(BaseModel):
    """One thing wrong with a request: where in the body, or in which parameter."""

    detail: str
    pointer: str | None = Field(None, description="JSON pointer into the body, as a fragment")
    parameter: str | None = Field(None, description="name of the path or query parameter")


class Problem(BaseModel):
    """A refusal (RFC 9457). `code` is stable; `message` is for the cashier's display."""

    type: str = Field(description="`/problems/<code>`")
    title: str
    status: int
    instance: str = Field(description="this request's id, as in the header `Renkei-Request`")
    code: str = Field(description="stable name of the refusal, see docs/errors.md")
    message: str = Field(max_length=40, description="Japanese, for the cashier's display")
    retryable: bool = Field(description="whether the same request may succeed later")
    action: Literal["proceed_without_points", "rescan", "call_staff", "retry"]
    errors: list[Fault] | None = Field(None, description="what is wrong with the request")


def refused(code: str) -> TillRefused:
    """The exception that ends in this problem."""
    row = PROBLEMS[code]
    said = TillProblem(code=code, message=row.message, retryable=row.retryable, action=row.action)
    return TillRefused(said, row.status)


def title_of(code: str) -> str:
    """The code in words."""
    return code.replace("_", " ").capitalize()


def document(said: TillProblem, status: int, instance: str) -> dict[str, Any]:
    """A problem's JSON."""
    head = {"type": f"/problems/{said.code}", "title": title_of(said.code), "status": status}
    return head | {"instance": instance} | said.model_dump(mode="json")


def respond(
    scope: Scope, error: TillRefused, faults: Sequence[Fault] = (), retry_after: int | None = None
) -> JSONResponse:
    """The problem as the answer to this request."""
    trace = trace_of(scope)
    trace.code = error.problem.code
    content = document(error.problem, error.status, trace.id)
    if faults:
        content["errors"] = [fault.model_dump(exclude_none=True) for fault in faults]
    return JSONResponse(
        content, error.status, headers=_headers(error, retry_after), media_type=MEDIA_TYPE
    )


def _headers(error: TillRefused, retry_after: int | None) -> dict[str, str]:
    status = error.status
    if status == HTTPStatus.UNAUTHORIZED and error.problem.code != "delivery_refused":
        over = error.problem.code == "token_expired"
        return {"www-authenticate": 'Bearer error="invalid_token"' if over else "Bearer"}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return {"retry-after": str(QUOTA_SECONDS)}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return {"retry-after": str(retry_after or RETRY_AFTER_SECONDS)}
    if status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT):
        return {"connection": "close"}  # the rest of the body is never read
    return {}


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """These problems for an operation's ``responses=``, with an example of each."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in sorted(set(codes), key=lambda code: (PROBLEMS[code].status, code)):
        by_status[PROBLEMS[code].status].append(code)
    return {status: _described(names) for status, names in by_status.items()}


def _described(codes: Iterable[str]) -> dict[str, Any]:
    names = list(codes)
    examples = {
        code: {"value": document(refused(code).problem, PROBLEMS[code].status, "req_0192f0c1a2b3")}
        for code in names
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": ", ".join(f"`{code}`" for code in names),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }
