"""Certificates for servers and clients of the tests, made by an authority of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization as form


class Authority:
    """One that signs what it is asked to. Its certificate is `file`, PEM."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / "authority.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, name: str, expired: bool = False, password: str | None = None) -> Path:
        """The file with key (PKCS 8, which is all that Kafka reads; under a password if one is given) and certificate
        of a host, an address or a user."""
        until = datetime.now(UTC) - timedelta(days=1) if expired else None
        made = self._ca.issue_cert(name, common_name=name, not_after=until)
        key = form.load_pem_private_key(made.private_key_pem.bytes(), None)
        kept = form.BestAvailableEncryption(password.encode()) if password else form.NoEncryption()
        pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, kept)
        path = self._folder / f"{name}{'-expired' if expired else ''}{'-locked' if password else ''}.pem"
        path.write_bytes(pem + b"".join(part.bytes() for part in made.cert_chain_pems))
        path.chmod(0o600)  # libpq and the server of PostgreSQL refuse a key that others may read
        return path
