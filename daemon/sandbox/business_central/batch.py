"""`$batch` in JSON and, as far as the product has it, multipart (wire-protocols A5, D52–D55)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from daemon.sandbox.business_central.errors import ApiError, bad_request, for_status, no_segment
from daemon.sandbox.business_central.multipart import join_parts, split_parts
from daemon.sandbox.business_central.service import Answer, Call, Service
from daemon.sandbox.faults import PAGE, Dropped, Fault
from daemon.sandbox.request_log import Control

_METHODS = frozenset({"GET", "POST", "PATCH", "DELETE", "PUT"})


class _RolledBack(Exception):
    """Leaves a snapshot envelope's transaction after one of its parts failed."""


class Batch:
    """Runs envelopes; every part is logged, counted and open to faults like a request of its own."""

    def __init__(self, service: Service, control: Control, count: Callable[[], ApiError | None], limit: int) -> None:
        self._service = service
        self._control = control
        self._count = count
        self._limit = limit

    def run(self, call: Call) -> Answer:
        """Answer an envelope; what is wrong with the envelope itself fails it as a whole."""
        try:
            if call.headers.get("content-type", "").lower().startswith("multipart/mixed"):
                parts, boundary = split_parts(call.body, call.headers["content-type"])
                self._check_number(len(parts))
                answers = [self._part(_part_call(call, part)) for part in parts]
                return Answer(200, join_parts(answers, boundary), media_type=f"multipart/mixed; boundary={boundary}")
            return Answer(200, {"responses": self._json(call)})
        except ApiError as error:
            return Answer(error.status, error.body(), error.headers, "application/json")

    def _check_number(self, number: int) -> None:
        if number > self._limit:
            raise ApiError(
                500,
                "Internal_ServerError",
                "The current batch message contains too many parts. A maximum number of "
                f"'{self._limit}' query operations and change sets are allowed in a batch message.",
            )

    def _json(self, call: Call) -> list[dict[str, Any]]:
        envelope = call.json()
        parts = envelope.get("requests") if isinstance(envelope, dict) else None
        if not isinstance(parts, list):
            raise bad_request("The batch body must have a 'requests' array.")
        self._check_number(len(parts))
        ids = [part.get("id") if isinstance(part, dict) else None for part in parts]
        if not all(isinstance(one, str) and one for one in ids) or len(set(ids)) != len(ids):
            raise bad_request("Every request of a batch needs an 'id' of its own.")
        if call.headers.get("isolation", "").lower() == "snapshot":
            return self._snapshot(call, parts)
        return [_response(part["id"], self._part(_part_call(call, part))) for part in parts]

    def _snapshot(self, call: Call, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """One transaction: a failed part undoes all, but the parts keep the statuses they had (D53, D54)."""
        answers: list[Answer] = []
        try:
            with self._service.store.transaction():
                for part in parts:
                    answers.append(self._part(_part_call(call, part)))
                    if answers[0].status >= 400:
                        break
                _undo_unless_good(answers)
        except _RolledBack:
            pass
        return [_response(part["id"], answer) for part, answer in zip(parts, answers, strict=False)]

    def _part(self, made: Call | ApiError) -> Answer:
        if isinstance(made, ApiError):
            return Answer(made.status, made.body(), media_type="application/json")
        target = f"{urlsplit(made.root).path}/{made.path}"
        refused = self._count()
        fault = None if refused else self._control.faults.take(made.method, target, part=True)
        if refused is not None:
            answer = Answer(refused.status, refused.body(), refused.headers, "application/json")
        elif fault is not None:
            answer = self._faulty(made, fault)
        else:
            answer = self._service.handle(made)
        query = f"?{made.query}" if made.query else ""
        self._control.log.record(made.method, target + query, answer.status, part=True)
        return answer

    def _faulty(self, made: Call, fault: Fault) -> Answer:
        """A part's answer with a fault; in a JSON envelope a body that is no JSON can only be a text."""
        if fault.after_commit or fault.truthful:
            answer = self._service.handle(made)
            if fault.truthful:
                return answer if answer.body is None else replace(answer, body=_spoilt(fault, answer.body))
        if fault.kind == "drop":
            raise Dropped
        headers = {"Retry-After": f"{fault.retry_after:g}"} if fault.retry_after else {}
        if fault.kind == "html":
            return Answer(fault.status, PAGE.decode(), headers, "text/html")
        refused = for_status(fault.status, headers)
        return Answer(refused.status, refused.body(), refused.headers, "application/json")


def _spoilt(fault: Fault, body: Any) -> str:
    return fault.spoilt(body.encode() if isinstance(body, str) else orjson.dumps(body)).decode("utf-8", "replace")


def _undo_unless_good(answers: list[Answer]) -> None:
    if any(answer.status >= 400 for answer in answers):
        raise _RolledBack


def _response(part_id: str, answer: Answer) -> dict[str, Any]:
    """One element of `responses`."""
    headers = {"content-type": answer.media_type, "odata-version": "4.0"} if answer.body is not None else {}
    headers |= {name.lower(): value for name, value in answer.headers.items()}
    response: dict[str, Any] = {"id": part_id, "status": answer.status, "headers": headers}
    return response if answer.body is None else {**response, "body": answer.body}


def _part_call(call: Call, part: Mapping[str, Any]) -> Call | ApiError:
    """The call a part stands for; its URL is relative to the API root, to the host, or absolute."""
    method, url = str(part.get("method", "")).upper(), str(part.get("url", ""))
    if method not in _METHODS:
        return bad_request(f"The method '{part.get('method')}' of a batch request is not valid.")
    try:
        split = urlsplit(url)
    except ValueError:
        return bad_request(f"The url '{url}' of a batch request is not valid.")
    path = unquote(split.path)
    if url.startswith("/") or split.scheme:
        root = unquote(urlsplit(call.root).path)
        if not path.startswith(f"{root}/"):
            return no_segment(path.strip("/").split("/")[0])
        path = path.removeprefix(f"{root}/")
    given = part.get("headers") or {}
    headers = {name.lower(): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    inherited = {name: call.headers[name] for name in ("data-access-intent", "accept-language") if name in call.headers}
    body = part.get("body", b"")
    return Call(method, call.root, call.api, path, split.query, {**inherited, **headers}, body)
