"""Would notifications arrive? Nobody is told anything by asking."""

from daemon.alerts.channels import Undelivered, channels_of
from daemon.settings import Settings
from schemas.checkup import Checked, fine, warning

_NOTIFY = "notify"


async def notify(settings: Settings) -> list[Checked]:
    """Only warnings: the daemon does its work without them."""
    found = []
    for name, channel in channels_of(settings).items():
        try:
            found.append(fine(_NOTIFY, name, f"{await channel.connect()}."))
        except Undelivered as error:
            fix = f"Correct notify.{name}; then `coupled notify --test`."
            found.append(warning(_NOTIFY, name, f"Messages would not go: {error}.", fix))
    return found
