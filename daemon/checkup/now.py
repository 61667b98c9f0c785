"""The whole check with sessions of its own: a daemon at work beside it does not wait for it."""

from daemon.checkup import checkup
from daemon.governor import Hooks
from daemon.sessions import BRIEF
from daemon.settings import Settings
from daemon.sides import sessions
from schemas.checkup import Checked
from schemas.mapping_file import MappingsFile


async def check_now(settings: Settings, file: MappingsFile) -> list[Checked]:
    """All findings, as `daemon.checkup` tells them."""
    async with sessions(settings, Hooks(), BRIEF) as clients:
        return await checkup(settings, file, clients)
