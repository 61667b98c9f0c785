"""How much anybody may send: a form or a command is small, and also the login takes one from people unknown."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daemon.web.problems import answer
from schemas.webhooks import PATH

# Kafka's own limit for a message: no command is longer.
LARGEST = 1_000_000
_refused = answer(413, "too-large", "The request is too large.", "A command has at most a million bytes.")


class Limited:
    """An ASGI application in front of another: 413 instead of a body above the limit, however it is sent.

    The webhook receiver has limits of its own, since it may never answer 4xx.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") == PATH:
            await self._app(scope, receive, send)
            return
        if _announced(scope) > LARGEST:
            await _refused(scope, receive, send)
            return
        size = 0

        async def counted() -> Message:
            """Above the limit the client is gone, as far as the application knows."""
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return message if size <= LARGEST else {"type": "http.disconnect"}

        async def unless_too_large(message: Message) -> None:
            if size <= LARGEST:
                await send(message)

        await self._app(scope, counted, unless_too_large)
        if size > LARGEST:
            await _refused(scope, receive, send)


def _announced(scope: Scope) -> int:
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0
