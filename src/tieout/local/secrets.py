"""Passwords and keys of the stack: generated once, kept in one file that only its owner can read."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from tieout.settings import get_settings


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


GENERATORS: dict[str, Callable[[], str]] = {
    "postgres_password": lambda: secrets.token_urlsafe(24),
    "minio_root_user": lambda: f"root-{secrets.token_hex(4)}",
    "minio_root_password": lambda: secrets.token_urlsafe(24),
    "lake_access_key": lambda: f"lake-{secrets.token_hex(6)}",
    "lake_secret_key": lambda: secrets.token_urlsafe(24),
    "airflow_admin_password": lambda: secrets.token_urlsafe(12),
    "airflow_jwt_secret": lambda: secrets.token_urlsafe(48),
    "airflow_fernet_key": _fernet_key,
}


def ensure() -> None:
    """Generate what is missing. What the file or the environment already holds is never changed."""
    settings = get_settings()
    missing = [name for name in GENERATORS if not getattr(settings, name).get_secret_value()]
    if not missing:
        return
    path = settings.secrets_file
    kept = path.read_text() if path.exists() else "# Secrets of the local stack. Deleting this file locks its data.\n"
    lines = [f"TIEOUT_{name.upper()}={GENERATORS[name]()}\n" for name in missing]
    write_private(path, kept + "".join(lines))
    get_settings.cache_clear()


def write_private(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one step, readable by the owner only from its first byte on."""
    partial = path.with_name(f"{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
