"""The store in a PostgreSQL that speaks TLS: whose it is is checked, and an error says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from daemon.checkup import parts
from daemon.config import load
from daemon.store.engine import open_store
from schemas.checkup import State
from schemas.errors import Exit, Unreachable
from tests.support.certificates import Authority
from tests.support.postgres import PostgresServer
from tests.support.real_parts import POSTGRES

_SIDE = (
    "url: http://127.0.0.1, auth: {client_id: c, client_secret_file: coupled.yaml, token_url: http://127.0.0.1/token}"
)


@dataclass(frozen=True)
class Secure:
    server: PostgresServer
    authority: Authority
    stranger: Authority


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    authority, stranger = (Authority(tmp_path_factory.mktemp(name)) for name in ("ours", "theirs"))
    with POSTGRES.needed():
        server = PostgresServer(authority.issue("127.0.0.1"))
        server.start()
    yield Secure(server, authority, stranger)
    server.stop()


async def test_the_way_is_encrypted_and_the_server_known(secure: Secure) -> None:
    url = secure.server.new_database()
    store = await open_store(f"{url}?sslmode=verify-full&sslrootcert={secure.authority.file}")
    async with store.database.read() as connection:
        row = await connection.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
        assert row.scalar_one() is True
    await store.close()


async def test_a_certificate_is_looked_for_beside_coupled_yaml(secure: Secure, tmp_path: Path) -> None:
    """As every other path of the file, and not where the daemon was started."""
    (tmp_path / "ca.pem").write_bytes(secure.authority.file.read_bytes())
    url = f"{secure.server.new_database()}?sslmode=verify-full&sslrootcert=ca.pem"
    config = tmp_path / "coupled.yaml"
    config.write_text(f"business_central: {{{_SIDE}, company: C}}\nsales: {{{_SIDE}}}\nstore: {{url: '{url}'}}\n")
    settings = load(config, {})
    await (await open_store(settings.store.address().get_secret_value())).close()
    assert [one.state for one in await parts.store(settings)] == [State.OK]


@pytest.mark.parametrize(
    ("host", "options", "says"),
    [
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={stranger}", "certificate verify failed"),
        ("localhost", "sslmode=verify-full&sslrootcert={ours}", 'does not match host name "localhost"'),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert=/none.pem", 'file "/none.pem" does not exist'),
        ("127.0.0.1", "sslmode=verify-fully", "invalid sslmode value"),
    ],
)
async def test_what_is_wrong_with_it_is_told(secure: Secure, host: str, options: str, says: str) -> None:
    url = secure.server.new_database().replace("127.0.0.1", host).replace("coupled@", "coupled:hunter2@")
    told = options.format(stranger=secure.stranger.file, ours=secure.authority.file)
    with pytest.raises(Unreachable, match=says) as refused:
        await open_store(f"{url}?{told}")
    assert refused.value.exit is Exit.UNREACHABLE
    assert "sslrootcert in store.url" in refused.value.problem.hint
    assert "hunter2" not in str(refused.value)


async def test_a_server_without_tls_is_told(postgres: str) -> None:
    with pytest.raises(Unreachable, match="does not support SSL") as refused:
        await open_store(f"{postgres}?sslmode=require")
    assert "sslmode" in refused.value.problem.hint
