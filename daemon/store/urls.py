"""The store's URL, to be shown."""

from sqlalchemy import URL


def shown(target: URL) -> str:
    """Without a password, as `USER:***@`, and without options: a password may be one of them (promise 10)."""
    return target.set(query={}).render_as_string(hide_password=True)
