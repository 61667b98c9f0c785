"""A real PostgreSQL server for the tests, from Debian's binaries, in a temporary directory."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import psycopg

from daemon.child import TiedProcess, wait_until
from tests.support.ports import free_port

_BINARIES = Path("/usr/lib/postgresql")
# The data is thrown away: nothing needs to survive a power cut.
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
# What it has committed outlives the server's own crash, though not the machine's; few may connect, and few at once.
_LASTING = ("fsync=off", "full_page_writes=off", "max_connections=40", "superuser_reserved_connections=3")
WORKER = "worker"


class PostgresUnavailable(RuntimeError):
    """PostgreSQL cannot be had or run here; the text is one line: why, and what to do."""


class PostgresServer:
    """One server; `new_database` gives each test its own.

    With a certificate (its key in the same file) it speaks TLS too; with `settings`, and `made` of `initdb`, it is
    another than most tests want: see `Fragile`.
    """

    def __init__(
        self, certificate: Path | None = None, settings: Sequence[str] = _FAST, made: Sequence[str] = ()
    ) -> None:
        self._certificate, self._settings, self._made = certificate, settings, made
        self._bin = newest_binaries()
        self._home = Path(tempfile.mkdtemp(prefix="coupled-postgres-"))
        self._port = free_port()
        self._child: TiedProcess | None = None
        self._databases = 0

    def start(self) -> None:
        """Make a cluster, start the server, wait until it takes connections."""
        user = _unprivileged()
        if user is not None:
            os.chown(self._home, user.pw_uid, user.pw_gid)
        data = self._home / "data"
        make = [
            self._bin / "initdb",
            "-D",
            data,
            "-U",
            "coupled",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C",
            *self._made,
        ]
        try:
            done = subprocess.run(_as(user, make), capture_output=True, text=True, check=False, cwd=self._home)
        except OSError as error:
            self.stop()
            raise PostgresUnavailable(f"initdb cannot be run: {error}") from error
        if done.returncode != 0:
            self.stop()
            raise PostgresUnavailable(f"initdb failed: {' '.join(done.stderr.split())[:300]}")
        self._serve()

    def _serve(self) -> None:
        serve: list[str | Path] = [self._bin / "postgres", "-D", self._home / "data", "-p", str(self._port)]
        for setting in ("listen_addresses=127.0.0.1", f"unix_socket_directories={self._home}", *self._settings):
            serve += ["-c", setting]
        for setting in self._tls(_unprivileged()):
            serve += ["-c", setting]
        log = self._home / "server.log"
        self._child = TiedProcess(_as(_unprivileged(), serve), log=log)
        self._child.start()
        if not wait_until(self._answers, lambda: self._child is not None and self._child.alive, 30):
            said = " ".join(log.read_text(encoding="utf-8", errors="replace").split())[-300:]
            self.stop()
            raise PostgresUnavailable(f"the server in {self._bin} did not start on port {self._port}: {said}")

    def _tls(self, user: pwd.struct_passwd | None) -> list[str]:
        if self._certificate is None:
            return []
        pem = shutil.copy(self._certificate, self._home)  # the server reads only a key that is its own
        os.chmod(pem, 0o600)
        if user is not None:
            os.chown(pem, user.pw_uid, user.pw_gid)
        return ["ssl=on", f"ssl_cert_file={pem}", f"ssl_key_file={pem}"]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._dsn("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _dsn(self, database: str) -> str:
        return f"postgresql://coupled@127.0.0.1:{self._port}/{database}"

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"test_{self._databases}"
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self._dsn(name)

    def stop(self) -> None:
        """End the server and remove its data."""
        self._quit()
        shutil.rmtree(self._home, ignore_errors=True)

    def _quit(self) -> None:
        if self._child is not None and self._child.pid is not None and self._child.alive:
            os.kill(self._child.pid, signal.SIGQUIT)  # immediate; SIGTERM would wait for the clients
            wait_until(lambda: not (self._child and self._child.alive), lambda: True, 5)
            self._child.stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Fragile(PostgresServer):
    """A server of one's own, to take away from a daemon in every way: stopped in the middle of what it does, full, read
    only, with no connection left. Its database is one for an ordinary user; `ask` asks as the administrator."""

    def __init__(self) -> None:
        # Segments of its log are files of full size from the first, which `limit_files` must leave alone.
        super().__init__(None, _LASTING, ["--wal-segsize=1"])

    def worker_database(self) -> str:
        """The URL of a new, empty database of a user without privileges."""
        self.ask(f"DROP ROLE IF EXISTS {WORKER}")
        self.ask(f"CREATE ROLE {WORKER} LOGIN")
        url = self.new_database()
        self.ask(f"ALTER DATABASE {url.rpartition('/')[2]} OWNER TO {WORKER}")
        return url.replace("coupled@", f"{WORKER}@")

    def ask(self, statement: str, *values: object, database: str = "postgres") -> list[tuple[Any, ...]]:
        """The rows of an answer, or none."""
        with psycopg.connect(self._dsn(database), autocommit=True) as connection:
            answer = connection.execute(statement, values)  # type: ignore[call-overload]
            return answer.fetchall() if answer.description else []

    def connection(self, database: str = "postgres", user: str = "coupled") -> psycopg.Connection:
        return psycopg.connect(self._dsn(database).replace("coupled@", f"{user}@"), autocommit=True)

    def crash(self) -> None:
        """Stopped at once, in the middle of whatever it does: `pg_ctl stop -m immediate`."""
        self._quit()

    def resume(self) -> None:
        """Started again on the same data."""
        self._serve()

    def settle(self, name: str, value: str) -> None:
        """A setting, changed for all who are connected and all who come."""
        self.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        self.ask("SELECT pg_reload_conf()")

    def limit_files(self, size: int) -> None:
        """No file of the server grows beyond so many bytes, as on a disk that is full; -1: as far as they like.

        Needs no privileges. With a limit inside a block the server meets what it meets on a full disk: part of the
        block is written.
        """
        assert self._child
        assert self._child.pid
        for process in (self._child.pid, *_children(self._child.pid)):
            limit = "unlimited" if size < 0 else str(size)
            change: list[str | Path] = ["prlimit", "--pid", str(process), f"--fsize={limit}:"]
            done = subprocess.run(_as(_unprivileged(), change), check=False, capture_output=True, text=True)
            assert not done.returncode or not Path(f"/proc/{process}").exists(), done.stderr


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def newest_binaries() -> Path:
    """The folder of the server's programs. Raises PostgresUnavailable."""
    found = sorted(_BINARIES.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise PostgresUnavailable(f"no server under {_BINARIES} (apt install postgresql)")
    return found[-1].parent


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom to run as: PostgreSQL refuses root. None: as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresUnavailable("the tests run as root, and there is no user postgres or nobody to run the server as")


def _as(user: pwd.struct_passwd | None, command: list[str | Path]) -> list[str]:
    """The command as that user; changing users unties the child from its parent, so it is tied again."""
    words = [str(word) for word in command]
    if user is None:
        return words
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=QUIT", *words]
