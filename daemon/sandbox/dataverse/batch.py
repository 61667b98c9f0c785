"""`$batch`: running its parts in order, change sets as one transaction (wire-protocols B5, D114, D115)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from daemon.sandbox.dataverse.context import Reply, Request, Service
from daemon.sandbox.dataverse.errors import DataverseError, bad_request
from daemon.sandbox.dataverse.multipart import ChangeSet, Part, parse_batch, render, render_reply

Run = Callable[[Request], Reply]
Note = Callable[[Request, int], None]
Fail = Callable[[Request, DataverseError], Reply]


class _Undone(Exception):
    def __init__(self, reply: Reply, content_id: str | None) -> None:
        super().__init__("a part of the change set failed")
        self.reply, self.content_id = reply, content_id


class Batch:
    """Runs one batch: `run` answers a part, `note` logs it, `fail` makes an error's answer."""

    def __init__(self, service: Service, run: Run, note: Note, fail: Fail) -> None:
        self._service, self._run, self._note, self._fail = service, run, note, fail

    def answer(self, request: Request) -> Reply:
        """The batch's own answer; without continue-on-error it ends with the first failure (D114)."""
        parts = parse_batch(request.headers.get("content-type", ""), request.body)
        limit = self._service.settings.batch_limit
        if sum(len(part.parts) if isinstance(part, ChangeSet) else 1 for part in parts) > limit:
            raise bad_request(f"The number of requests in a batch may not exceed {limit}.", "0x80060890")
        keep_going = "odata.continue-on-error" in request.preferences
        blocks: list[tuple[str, bytes]] = []
        status = 200
        for part in parts:
            failed, block = self._step(request, part)
            blocks.append(block)
            if failed is not None and not keep_going:
                status = failed
                break
        return self._wrapped(status, blocks, keep_going=keep_going)

    def _wrapped(self, status: int, blocks: list[tuple[str, bytes]], *, keep_going: bool) -> Reply:
        boundary = f"batchresponse_{self._service.new_id()}"
        headers = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
        if keep_going:
            headers["Preference-Applied"] = "odata.continue-on-error"
        return Reply(status, headers, render(boundary, blocks))

    def _step(self, request: Request, part: Part | ChangeSet) -> tuple[int | None, tuple[str, bytes]]:
        """(status if it failed, the block that answers it)."""
        if isinstance(part, ChangeSet):
            return self._change_set(request, part)
        made = self._made(request, part, {}, in_change_set=False)
        reply = self._run(made)
        self._note(made, reply.status)
        return reply.status if reply.status >= 400 else None, render_reply(reply, part.content_id)

    def _change_set(self, request: Request, parts: ChangeSet) -> tuple[int | None, tuple[str, bytes]]:
        """All parts, or one error and nothing stored (D115)."""
        ran: list[tuple[Request, int]] = []
        blocks: list[tuple[str, bytes]] = []
        try:
            with self._service.store.transaction():
                self._run_all(request, parts, ran, blocks)
        except _Undone as undone:
            for made, _ in ran:
                self._note(made, undone.reply.status)
            return undone.reply.status, render_reply(undone.reply, undone.content_id)
        for made, status in ran:
            self._note(made, status)
        boundary = f"changesetresponse_{self._service.new_id()}"
        return None, (
            f"Content-Type: multipart/mixed; boundary={boundary}",
            render(boundary, blocks).removesuffix(b"\r\n"),
        )

    def _run_all(
        self, request: Request, parts: ChangeSet, ran: list[tuple[Request, int]], blocks: list[tuple[str, bytes]]
    ) -> None:
        known: dict[str, str] = {}
        for part in parts.parts:
            made = self._made(request, part, known, in_change_set=True)
            reply = self._checked(made, part)
            ran.append((made, reply.status))
            if reply.status >= 400:
                raise _Undone(reply, part.content_id)
            if part.content_id is not None and reply.entity:
                known[part.content_id] = reply.entity
            blocks.append(render_reply(reply, part.content_id))

    def _checked(self, made: Request, part: Part) -> Reply:
        if part.method == "GET":
            return self._fail(made, bad_request("A GET request is not allowed in a change set.", "0x80060890"))
        if part.content_id is None and self._service.settings.change_set_needs_content_id:
            error = bad_request("Every request in a change set must have a Content-ID header.", "0x80048d19")
            return self._fail(made, error)
        if made.path.startswith("$"):
            message = f"Content-ID Reference: '{made.path.partition('/')[0]}' does not exist in the batch context."
            return self._fail(made, bad_request(message, "0x80060888"))
        return self._run(made)

    def _made(self, request: Request, part: Part, known: Mapping[str, str], *, in_change_set: bool) -> Request:
        url = part.url
        reference, slash, rest = url.partition("/")
        if reference.startswith("$") and reference[1:] in known:
            url = known[reference[1:]] + slash + rest
        path, _, query = _relative(url, request.base).partition("?")
        return replace(
            request,
            method=part.method,
            path=path,
            query=query,
            headers={**_inherited(request), **part.headers},
            body=part.body,
            content_ids=dict(known),
            in_batch=True,
            in_change_set=in_change_set,
        )


def _inherited(request: Request) -> Mapping[str, str]:
    """Impersonation and the bypass headers of the envelope hold for its parts."""
    return {name: value for name, value in request.headers.items() if name.startswith(("callerobjectid", "mscrm"))}


def _relative(url: str, base: str) -> str:
    """A part's URL as a path from the service root: absolute, from the host's root, or relative already (D116)."""
    path = url.removeprefix(base)
    marker = "/api/data/v9.2/"
    return path.partition(marker)[2] if marker in path else path.lstrip("/")
