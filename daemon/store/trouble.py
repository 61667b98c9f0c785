"""What a database says when it does not do as asked: whose trouble it is, and what an administrator can do about it."""

from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from schemas.errors import Unreachable

# At most, of one worker; those it waits on for its turn with a mapping are beside them.
CONNECTIONS = 15
# As docs/operate.md and docs/scale.md tell it too.
USED = f"up to {CONNECTIONS}, and one for each mapping"
# PostgreSQL's class of what is too large for it: a name too long for an index.
_TOO_LARGE = "54"
READ_ONLY = "25006"
_GOES_ON = "The daemon goes on by itself, and nothing is lost."
_FILE = "Check that its folder exists, can be written to and has room, and that no other program locks the file."
_TLS = "Check sslmode and sslrootcert in store.url: docs/setup.md, PostgreSQL on another machine."
_SERVER = "Check that PostgreSQL runs there, that the database exists, and that user and password are right."
_SQLITE = {
    "SQLITE_BUSY": f"Another program holds its lock: end that one's transaction, or the program. {_GOES_ON}",
    "SQLITE_FULL": f"Make room on the disk of its folder. {_GOES_ON}",
    "SQLITE_IOERR": f"Make room on the disk of its folder, or look whether the disk is well. {_GOES_ON}",
    "SQLITE_READONLY": f"Let the daemon's user write to the file and its folder. {_GOES_ON}",
}
_POSTGRES = {
    READ_ONLY: "PostgreSQL takes no writes now: it is a standby, or default_transaction_read_only is on. Turn that "
    f"off, or lead store.url to the primary. {_GOES_ON}",
    "53100": f"Make room on the disk of PostgreSQL. {_GOES_ON}",
    "53300": f"Raise max_connections of PostgreSQL, or end others that use it: a worker uses {USED}. {_GOES_ON}",
    "57P03": f"PostgreSQL is starting, recovering or stopping: wait for it. {_GOES_ON}",
}
# When it lets nobody in, PostgreSQL's library repeats what the server said, and not its code.
_SAID = {
    "too many clients": "53300",
    "too many connections": "53300",
    "connection slots are reserved": "53300",
    "could not extend file": "53100",
    "the database system is": "57P03",
}
_SLOW = f"The database answers too slowly: look at its load, its disk and its longest transactions. {_GOES_ON}"


def refuses_what_it_is_given(error: Exception) -> bool:
    """The database is well, and taking the same again is of no use (promise 7).

    What PostgreSQL itself finds wrong with a statement is not in the data: a table or a privilege is missing.
    """
    state = sqlstate(error)
    if isinstance(error, ProgrammingError):
        return not state
    return isinstance(error, IntegrityError | DataError) or state.startswith(_TOO_LARGE)


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's code of an error; empty if it has none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def unreachable(where: str, error: Exception) -> Unreachable:
    """What the driver said, in one line, and what to do."""
    text = str(getattr(error, "orig", None) or error).strip().splitlines()
    said = (text[0] if text else type(error).__name__).rstrip(".")
    if isinstance(error, PoolTimeout):
        said, hint = f"all {CONNECTIONS} connections of this worker are in use, and none came free in time", _SLOW
    else:
        hint = _of_file(error) if where.startswith("sqlite") else _of_server(error, said)
    return Unreachable("store-unreachable", f"The store {where} cannot be used: {said}.", hint)


def read_only(where: str) -> Unreachable:
    """Of a server that answers questions only."""
    return Unreachable("store-read-only", f"The store {where} is read-only.", _POSTGRES[READ_ONLY])


def _of_file(error: Exception) -> str:
    name = getattr(getattr(error, "orig", None) or error, "sqlite_errorname", "")
    return next((hint for start, hint in _SQLITE.items() if name.startswith(start)), _FILE)


def _of_server(error: Exception, said: str) -> str:
    if any(word in said for word in ("certificate", "SSL", "sslmode")):
        return _TLS
    state = next((state for part, state in _SAID.items() if part in said), "") or sqlstate(error)
    return _POSTGRES.get(state, _SERVER)
