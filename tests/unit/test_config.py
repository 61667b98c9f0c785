"""Configuration: every key, every override, and errors that say where and what to do."""

import sys
from pathlib import Path

import pytest
from pydantic import BaseModel
from sqlalchemy import make_url

from daemon import config
from daemon.checkup.parts import unguarded
from daemon.config import load
from daemon.settings import Settings
from daemon.written_out import is_secret
from schemas.errors import ConfigurationError
from tests.support.certificates import Authority

SIDES = """\
business_central:
  url: https://api.businesscentral.dynamics.com/v2.0/production/
  company: CRONUS
  auth: {tenant: contoso, client_id: bc-app, client_secret: "${BC_SECRET}"}
sales:
  url: https://contoso.crm.dynamics.com
  auth:
    tenant: contoso
    client_id: sales-app
    client_secret: ${SALES_SECRET}
"""
OF_SALES = "client_secret: ${SALES_SECRET}"
ENVIRON = {"BC_SECRET": "s3cret-of-bc", "SALES_SECRET": "plain-secret", "PW": "hidden-pw"}


@pytest.fixture
def write(tmp_path):
    def written(text: str) -> Path:
        path = tmp_path / "coupled.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def refused(path: Path, environ=ENVIRON) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(path, environ)
    return str(caught.value)


def test_two_sides_are_enough(write, tmp_path):
    settings = load(write(SIDES), ENVIRON)
    assert settings.business_central.url == "https://api.businesscentral.dynamics.com/v2.0/production"
    assert settings.business_central.auth.secret().get_secret_value() == "s3cret-of-bc"
    assert settings.business_central.auth.token_endpoint.endswith("/contoso/oauth2/v2.0/token")
    assert settings.business_central.scope == "https://api.businesscentral.dynamics.com/.default"
    assert settings.sales.scope == "https://contoso.crm.dynamics.com/.default"
    assert settings.kafka.embedded
    assert (settings.kafka.topic_prefix, settings.kafka.partitions) == ("coupled", 4)
    assert settings.store.shown == f"sqlite:///{tmp_path}/coupled.db"
    assert (settings.capture.poll_seconds, settings.capture.overlap_seconds) == (5, 600)
    assert (settings.batch.size, settings.batch.seconds) == (1000, 0.2)
    assert (settings.web.host, settings.web.port, settings.web.login) == ("127.0.0.1", 8086, False)
    assert settings.mappings == "standard"


def test_variables_override_any_key(write):
    environ = ENVIRON | {
        "COUPLED_STORE__URL": "postgresql://me:hidden-pw@db/coupled",
        "COUPLED_CAPTURE__POLL_SECONDS": "1",
        "COUPLED_SALES__AUTH__CLIENT_SECRET": "from-$elsewhere-${X}",
        "COUPLED_LOGS__LEVEL": "debug",
        "COUPLED_CONFIG": "not ours",
        "OTHER": "x",
    }
    settings = load(write(SIDES), environ)
    assert settings.store.shown == "postgresql://me:***@db/coupled"
    assert settings.capture.poll_seconds == 1
    assert settings.sales.auth.secret().get_secret_value() == "from-$elsewhere-${X}"
    assert settings.logs.level == "DEBUG"


def test_a_variable_stands_in_for_an_unset_reference(write):
    other = {"SALES_SECRET": "y", "COUPLED_BUSINESS_CENTRAL__AUTH__CLIENT_SECRET": "x"}
    settings = load(write(SIDES), other)
    assert settings.business_central.auth.secret().get_secret_value() == "x"


def test_paths_are_relative_to_the_file(write, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "secret.txt").write_text("from-file\n")
    (tmp_path / "mine.yaml").write_text("mappings: []")
    text = SIDES.replace(OF_SALES, "client_secret_file: secret.txt")
    settings = load(write(text + "mappings: mine.yaml\nstore: {url: sqlite+aiosqlite:///data/x.db}\n"), ENVIRON)
    assert settings.sales.auth.secret().get_secret_value() == "from-file"
    assert settings.mappings == str(tmp_path / "mine.yaml")
    assert settings.store.shown == f"sqlite+aiosqlite:///{tmp_path}/data/x.db"


def test_a_variable_wins_over_the_secret_file(write, tmp_path):
    (tmp_path / "secret.txt").write_text("from-file")
    text = SIDES.replace(OF_SALES, "client_secret_file: secret.txt")
    settings = load(write(text), ENVIRON | {"COUPLED_SALES__AUTH__CLIENT_SECRET": "from-variable"})
    assert settings.sales.auth.secret().get_secret_value() == "from-variable"


def login(**more: object) -> str:
    told = {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "me"}
    return "kafka: {" + ", ".join(f"{name}: {value}" for name, value in {**told, **more}.items()) + "}\n"


def test_the_password_of_kafka_comes_from_a_file_or_a_variable(write, tmp_path):
    (tmp_path / "pw").write_text("from-file\n")
    path = write(SIDES + login(sasl_password_file="pw"))
    assert load(path, ENVIRON).kafka.password().get_secret_value() == "from-file"
    other = ENVIRON | {"COUPLED_KAFKA__SASL_PASSWORD": "from-variable"}
    assert load(path, other).kafka.password().get_secret_value() == "from-variable"
    path = write(SIDES + login(sasl_password='"${PW}"'))
    assert load(path, ENVIRON | {"PW": "expanded"}).kafka.password().get_secret_value() == "expanded"


def test_the_password_of_postgresql_comes_from_a_file_as_it_is(write, tmp_path):
    (tmp_path / "pw").write_text("p@ss/w:o%rd\n")
    settings = load(write(SIDES + "store: {url: 'postgresql://me@db/d?sslmode=require', password_file: pw}\n"), ENVIRON)
    url = make_url(settings.store.address().get_secret_value())
    assert (url.password, url.host, url.database) == ("p@ss/w:o%rd", "db", "d")
    assert url.query["sslmode"] == "require"
    assert "p@ss" not in f"{settings!r}{settings.store.shown}"


def test_files_that_postgresql_is_told_of_are_beside_the_file(write, tmp_path):
    url = "postgresql://me@db/d?sslmode=verify-full&sslrootcert=ca.pem&sslkey=/etc/key.pem"
    settings = load(write(SIDES + f"store: {{url: '{url}'}}\n"), ENVIRON)
    query = make_url(settings.store.url.get_secret_value()).query
    assert query["sslrootcert"] == str(tmp_path / "ca.pem")
    assert query["sslkey"] == "/etc/key.pem"
    system = SIDES + "store: {url: 'postgresql://me@db/d?sslmode=verify-full&sslrootcert=system'}\n"
    assert make_url(load(write(system), ENVIRON).store.url.get_secret_value()).query["sslrootcert"] == "system"


@pytest.mark.parametrize(
    ("url", "guarded"),
    [
        ("sqlite:///x.db", True),
        ("postgresql:///d", True),
        ("postgresql://localhost/d", True),
        ("postgresql://db/d", False),
        ("postgresql://db/d?sslmode=require", False),
        ("postgresql://db/d?sslmode=verify-full", True),
    ],
)
def test_a_store_elsewhere_has_to_show_whose_it_is(write, url, guarded):
    assert load(write(SIDES + f"store: {{url: '{url}'}}\n"), ENVIRON).store.guarded is guarded


@pytest.mark.parametrize(
    ("kafka", "warned"),
    [
        ("{bootstrap_servers: embedded}", False),
        ("{bootstrap_servers: 'localhost:9092,[::1]:9092'}", False),
        ("{bootstrap_servers: 'localhost:9092,kafka:9092'}", True),
        ("{bootstrap_servers: 'kafka:9092', security_protocol: SSL}", False),
    ],
)
def test_a_kafka_elsewhere_in_the_clear_is_warned_of(write, kafka, warned):
    found = unguarded(load(write(SIDES + f"kafka: {kafka}\n"), ENVIRON).kafka)
    assert [one.what for one in found] == (["encryption"] if warned else [])


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\n", "the client secret is empty"), ("s3cret".encode("utf-16"), "client_secret_file is not UTF-8 text")],
)
def test_a_secret_file_has_a_secret_in_it(write, tmp_path, content, said):
    (tmp_path / "secret.txt").write_bytes(content)
    text = refused(write(SIDES.replace(OF_SALES, "client_secret_file: secret.txt")))
    assert said in text
    assert "s3cret" not in text
    assert "0x" not in text


def test_a_mark_at_the_begin_of_a_secret_file_is_none_of_it(write, tmp_path):
    (tmp_path / "secret.txt").write_bytes("plain-secret\r\n".encode("utf-8-sig"))
    settings = load(write(SIDES.replace(OF_SALES, "client_secret_file: secret.txt")), ENVIRON)
    assert settings.sales.auth.secret().get_secret_value() == "plain-secret"


def test_a_key_has_to_be_that_of_the_certificate_and_its_password_right(write, tmp_path):
    authority = Authority(tmp_path / "ca")
    one, other, locked = authority.issue("one"), authority.issue("other"), authority.issue("me", password="hunter2")
    tls = "kafka: {security_protocol: SSL, ssl_certfile: %s, ssl_keyfile: %s%s}\n"
    assert load(write(SIDES + tls % (one, one, "")), ENVIRON).kafka.tls
    assert "the key is not that of the certificate" in refused(write(SIDES + tls % (one, other, "")))
    path = write(SIDES + tls % (locked, locked, ", ssl_key_password: '${PW}'"))
    assert load(path, ENVIRON | {"PW": "hunter2"}).kafka.tls
    for wrong in ("", ", ssl_key_password: '${PW}'"):
        text = refused(write(SIDES + tls % (locked, locked, wrong)), ENVIRON | {"PW": "hunter3"})
        assert "ssl_key_password" in text
        assert "hunter" not in text


def test_secrets_are_not_shown(write):
    settings = load(write(SIDES + "store: {url: 'postgresql://me:${PW}@db/coupled'}\n"), ENVIRON)
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    for secret in ("s3cret-of-bc", "plain-secret", "hidden-pw"):
        assert secret not in shown


def test_sections_left_empty_have_their_defaults(write):
    assert load(write(SIDES + "kafka:\nweb:\n"), ENVIRON).web.port == 8086


@pytest.mark.parametrize(
    ("added", "line", "expected"),
    [
        ("stroe: {url: x}", 11, "stroe: there is no such setting: 'stroe'; did you mean 'store'?"),
        ("web: {prot: 1}", 11, "web.prot: there is no such setting: 'prot'; did you mean 'port'?"),
        ("web: {port: many}", 11, "web.port: input should be a valid integer"),
        ("web:\n  host: 0.0.0.0", 11, "web: every address but loopback needs a login: give password or password_file"),
        ("web: {host: 0.0.0.0, password_file: no.txt}", 11, "web.password_file: "),
        ("web: {token: '${PW}'}", 11, "web: a token has 32 characters or more"),
        ("web: {password: '${PW}', token: '${PW}'}", 11, "web: a token has 32 characters or more"),
        ("web: {token: '${PW}', token_file: coupled.yaml}", 11, "web: give either token or token_file"),
        ("kafka: {security_protocol: SASL_SSL}", 11, "kafka: SASL needs"),
        ("kafka: {ssl_cafile: no.pem}", 11, "kafka.ssl_cafile: "),
        ("kafka: {ssl_cafile: coupled.yaml}", 11, "kafka: ssl_* needs security_protocol SSL or SASL_SSL"),
        ("kafka: {ssl_key_password: '${PW}'}", 11, "kafka: ssl_* needs security_protocol SSL or SASL_SSL"),
        ("kafka: {security_protocol: SSL, ssl_keyfile: coupled.yaml}", 11, "kafka: a key needs its certificate"),
        ("kafka: {security_protocol: SSL, ssl_cafile: coupled.yaml}", 11, "kafka: ssl_cafile: "),
        (
            "kafka: {security_protocol: SSL, ssl_certfile: coupled.yaml}",
            11,
            "kafka: ssl_certfile: no certificate and key",
        ),
        ("kafka: {sasl_password_file: coupled.yaml}", 11, "kafka: sasl_* needs security_protocol"),
        (
            "kafka: {sasl_password: '${PW}', sasl_password_file: coupled.yaml}",
            11,
            "kafka: give either sasl_password or",
        ),
        ("store: {url: mysql://x}", 11, "store.url: the store is SQLite or PostgreSQL"),
        ("store: {password: '${PW}'}", 11, "store: only PostgreSQL takes a password"),
        ("store: {url: 'postgresql://a:${PW}@h/d', password: '${PW}'}", 11, "store: the password is in url already"),
        ("store: {url: 'postgresql://a@h/d', password_file: no}", 11, "store.password_file: "),
        ("mappings: no.yaml", 11, "mappings: "),
        ("mappings: ${NOPE}", 11, "mappings: the environment variable NOPE is not set"),
        ("mappings: ${NO PE}", 11, "mappings: a variable is written ${NAME}"),
        ("mappings: ${", 11, "mappings: a variable is written ${NAME}"),
        ("logs: {format: xml}", 11, "logs.format: input should be 'console' or 'json'"),
        ("capture: {poll_seconds: 0}", 11, "capture.poll_seconds: input should be greater than 0"),
    ],
)
def test_mistakes_name_file_line_field(write, added, line, expected):
    path = write(SIDES + added + "\n")
    text = refused(path)
    assert text.lower().startswith(f"{path}, line {line}, {expected}".lower())
    assert "?." not in text


def test_a_mistake_deep_in_the_file(write):
    path = write(SIDES.replace("https://contoso.crm", "http://contoso.crm"))
    assert refused(path).startswith(f"{path}, line 6, sales.url: plain http is accepted for loopback addresses only")


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:9", "127.8.8.8"])
def test_plain_http_to_this_machine(write, host):
    assert load(write(SIDES.replace("https://contoso.crm.dynamics.com", f"http://{host}")), ENVIRON)


@pytest.mark.parametrize("host", ["localhost.evil.com", "10.0.0.1", "0.0.0.0", "user@localhost"])
def test_other_plain_or_strange_addresses(write, host):
    assert "sales.url" in refused(write(SIDES.replace("https://contoso.crm.dynamics.com", f"http://{host}")))


def test_mistakes_in_variables_name_the_variable(write):
    path = write(SIDES)
    assert refused(path, ENVIRON | {"COUPLED_WEB__PORT": "x"}).startswith("COUPLED_WEB__PORT, web.port: input should")
    assert refused(path, ENVIRON | {"COUPLED_STROE__URL": "x"}).startswith("COUPLED_STROE__URL, stroe: there is no")
    assert refused(path, ENVIRON | {"COUPLED_WEB__HOST": "0.0.0.0"}).startswith("COUPLED_WEB__HOST, web: every address")


def test_a_missing_reference_is_named_with_its_line(write):
    path = write(SIDES)
    text = refused(path, {})
    assert text.startswith(
        f"{path}, line 4, business_central.auth.client_secret: the environment variable BC_SECRET is not set."
    )
    assert "export BC_SECRET=" in text
    assert "or name a file" in text


NOTIFY = "notify: {webhook: {%s}, email: {%s}}"


@pytest.mark.parametrize(
    ("added", "field", "fix"),
    [
        ("web: {password: hunter2}", "web.password", "password_file"),
        ("kafka: {sasl_password: hunter2}", "kafka.sasl_password", "sasl_password_file"),
        ("kafka: {ssl_key_password: hunter2}", "kafka.ssl_key_password", "ssl_key_password_file"),
        ("store: {password: hunter2}", "store.password", "password_file"),
        ("store: {url: 'postgresql://me:hunter2@db/d'}", "store.url", "store.password_file"),
        ("store: {url: 'postgresql://me@db/d?password=hunter2'}", "store.url", "store.password_file"),
        ("store: {url: 'postgresql://me:${PW}@db/d?sslpassword=hunter2'}", "store.url", "store.password_file"),
        (NOTIFY % ("url: 'https://x.example.com/hunter2'", ""), "notify.webhook.url", "url_file"),
        (NOTIFY % ("secret: hunter2", ""), "notify.webhook.secret", "secret_file"),
        (NOTIFY % ("headers: {X-A: hunter2}", ""), "notify.webhook.headers.X-A", "${NAME}"),
        (NOTIFY % ("", "password: hunter2"), "notify.email.password", "password_file"),
    ],
)
def test_a_secret_that_is_written_out_is_refused(write, added, field, fix):
    path = write(SIDES + added + "\n")
    with pytest.raises(ConfigurationError) as caught:
        load(path, ENVIRON)
    assert str(caught.value).startswith(f"{path}, line 11, {field}: a secret is written out here")
    assert fix in caught.value.problem.hint
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_a_variable_takes_the_place_of_is_refused_all_the_same(write):
    path = write(SIDES.replace("${SALES_SECRET}", "hunter2"))
    text = refused(path, ENVIRON | {"COUPLED_SALES__AUTH__CLIENT_SECRET": "x"})
    assert text.startswith(f"{path}, line 10, sales.auth.client_secret: a secret is written out here")


def test_a_secret_may_have_a_variable_within_it(write):
    added = NOTIFY % ("url: 'https://x.example.com/${PW}', headers: {Authorization: 'Bearer ${PW}'}", "")
    webhook = load(write(SIDES + added + "\n"), ENVIRON).notify.webhook
    assert webhook.address().get_secret_value() == "https://x.example.com/hidden-pw"
    assert webhook.headers["Authorization"].get_secret_value() == "Bearer hidden-pw"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("{}", None),
        ("{password: '${PW}'}", "hidden-pw"),
        ("{password: '${PW}', token: '${TOKEN}'}", "0123456789abcdef" * 2),
    ],
)
def test_our_own_programs_send_the_token_or_else_the_password(write, given, sent):
    web = load(write(SIDES + f"web: {given}\n"), ENVIRON | {"TOKEN": "0123456789abcdef" * 2}).web
    assert (web.bearer() and web.bearer().get_secret_value()) == sent
    assert "0123456789abcdef" not in repr(web)


def test_the_port_of_the_store_may_be_a_variable(write):
    path = write(SIDES + "store: {url: 'postgresql://me:${PW}@db:${PORT}/coupled'}\n")
    settings = load(path, ENVIRON | {"PORT": "5433"})
    assert settings.store.address().get_secret_value() == "postgresql://me:hidden-pw@db:5433/coupled"
    text = refused(write(SIDES + "store: {url: 'postgresql://me:hunter2@db:${PORT}/coupled'}\n"))
    assert "line 11, store.url: a secret is written out here" in text


def test_a_password_that_stands_where_the_port_does_is_not_shown(write):
    text = refused(write(SIDES + "store: {url: 'postgresql://me:hunter2'}\n"))
    assert "line 11, store.url: the store is SQLite or PostgreSQL" in text
    assert "hunter2" not in text


def test_every_secret_can_come_from_a_file(write):
    """A new one without `…_file` could only come from the environment."""
    for place, names in _secrets(Settings, ()):
        assert place in (("store", "url"), ("notify", "webhook", "headers")) or f"{place[-1]}_file" in names


def _secrets(part, place):
    for name, field in part.model_fields.items():
        if _is_table(field.annotation):
            yield from _secrets(field.annotation, (*place, name))
        elif is_secret((*place, name)):
            yield (*place, name), part.model_fields


def test_no_error_shows_a_value(write):
    secret = "extremely-secret"
    for text in (
        SIDES.replace("${SALES_SECRET}", f"[{secret}]"),
        SIDES.replace("${SALES_SECRET}", f"{{a: {secret}}}"),
        SIDES.replace("${SALES_SECRET}", secret),
        SIDES + f"store: {{url: 'mysql://me:{secret}@x/y'}}",
        SIDES.replace("https://contoso.crm.dynamics.com", f"https://me:{secret}@contoso"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            load(write(text), ENVIRON)
        assert secret not in str(caught.value)
        assert secret not in repr(caught.value.__cause__)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("hunter2x\n    client_secret: hunter2", "duplicate key: each may stand there once"),
        ("*hunter2", "a text that begins with * stands in quotes"),
        ("*hunter2x\n  <<: *hunter2", "a text that begins with * stands in quotes"),
        ("!hunter2!x y", "a text that begins with ! stands in quotes"),
        ("!!timestamp 'a\"hunter2\"b'", "failed to construct timestamp"),
        ("!!int hunter2", "not what its tag or its form says"),
        ("!!float hunter2", "not what its tag or its form says"),
        ("!!bool hunter2", "not what its tag or its form says"),
        ("!!omap hunter2", "not what its tag or its form says"),
        ("2024-99-99", "not what its tag or its form says"),
        ("{[hunter2]: x, [hunter2]: y}", "duplicate key"),
        ('"\\hunter2"', "unknown escape character"),
        ("|hunter2", "expected chomping"),
        ("hunter2\0", "unacceptable character #x0000"),
        ("[" * sys.getrecursionlimit(), "too deeply"),
    ],
)
def test_what_is_not_yaml_is_told_without_what_stands_there(write, value, said):
    """promise 10"""
    path = write(SIDES.replace("${SALES_SECRET}", value))
    text = refused(path)
    assert said in text
    assert "hunter2" not in text
    assert "'h'" not in text
    assert "\n" not in text
    assert text.startswith((f"{path}, line 10: it is not YAML: ", f"{path}, line 11: ", f"{path}, line 1: "))


def test_an_anchor_that_is_there_twice_is_not_shown(write, recwarn):
    """A secret that begins with & would be: what is left of it is nothing, and told as that."""
    text = SIDES.replace("client_id: sales-app", "client_id: &hunter2 app").replace("${SALES_SECRET}", "&hunter2")
    refused(write(text))
    assert not [str(one.message) for one in recwarn]


def test_a_missing_file_says_what_to_try(tmp_path):
    text = refused(tmp_path / "coupled.yaml")
    assert "There is no configuration file" in text
    assert "coupled demo" in text
    assert "docs/setup.md" in text


@pytest.mark.parametrize("text", ["", "- a", "a: [", "just text"])
def test_what_is_not_a_configuration(write, text):
    assert ", line 1" in refused(write(text))


def test_settings_cannot_be_changed(write):
    settings = load(write(SIDES), ENVIRON)
    with pytest.raises(ValueError, match="frozen"):
        settings.web.port = 1


def with_webhooks(url):
    return SIDES.replace("  company: CRONUS\n", f"  company: CRONUS\n  webhooks: {{public_url: {url}}}\n")


@pytest.mark.parametrize("url", ["https://hook.contoso.com", "https://hook.contoso.com/webhooks/bc/"])
def test_the_receivers_path_is_appended_once(write, url):
    found = load(write(with_webhooks(url)), ENVIRON)
    assert found.business_central.webhooks.receiver == "https://hook.contoso.com/webhooks/bc"
    assert load(write(SIDES), ENVIRON).business_central.webhooks.receiver is None


@pytest.mark.parametrize("url", ["https://localhost", "http://127.0.0.1:8086"])
def test_a_loopback_receiver_is_for_a_simulator_only(write, url):
    assert "cannot reach a loopback address" in refused(write(with_webhooks(url)), ENVIRON)
    simulated = with_webhooks(url).replace("https://api.businesscentral.dynamics.com", "http://127.0.0.1:8081")
    assert load(write(simulated), ENVIRON).business_central.webhooks.public_url == url


def test_a_receiver_is_reached_by_https(write):
    assert "plain http" in refused(write(with_webhooks("http://hook.contoso.com")), ENVIRON)


def test_every_single_setting_at_the_top_can_be_a_variable() -> None:
    tables = {name for name, field in Settings.model_fields.items() if _is_table(field.annotation)}
    assert {(name,) for name in Settings.model_fields if name not in tables} == config._SINGLE


def _is_table(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
