"""Every setting of Tieout: its name, its default and one line of help.

A setting is read, first match wins, from the environment (``TIEOUT_TRINO_PORT=…``), from ``<home>/secrets.env``
(written once by ``tieout up``, mode 600), or from the default below. ``docs/settings.md`` is this table for
readers; a test fails when the two part.
"""

from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tieout.errors import ConfigError, StackError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
SECRETS_FILE = "secrets.env"


class MissingSecret(StackError):
    """A password or key was asked for before the stack's first start made it."""


class Settings(BaseSettings):
    """All settings, typed. Ports are TCP ports, durations carry their unit in the name."""

    model_config = SettingsConfigDict(env_prefix="TIEOUT_", extra="ignore", frozen=True)

    home: Path = Field(PROJECT_ROOT / ".tieout", description="Folder that holds all state: data, logs, secrets.")
    cache: Path = Field(
        PROJECT_ROOT / ".tieout-cache",
        description="Folder of unpacked servers; every stack of this project shares it.",
    )

    postgres_host: str = Field("127.0.0.1", description="Address of Postgres.")
    postgres_port: int = Field(15432, description="Port of Postgres.")
    postgres_user: str = Field("tieout", description="Postgres user that owns every database.")

    postgres_os_user: str = Field("nobody", description="System account that Postgres runs as when root starts it.")

    minio_host: str = Field("127.0.0.1", description="Address of the S3 store.")
    minio_port: int = Field(19000, description="Port of the S3 store.")
    minio_console_port: int = Field(19001, description="Port of the S3 store's web console.")
    s3_region: str = Field("us-east-1", description="Region that S3 clients sign with.")

    trino_host: str = Field("127.0.0.1", description="Address of Trino.")
    trino_port: int = Field(18080, description="Port of Trino.")
    trino_user: str = Field("tieout", description="Trino user that may write; all others read gold only.")
    trino_heap: str = Field("2G", description="Java heap of Trino, as -Xmx takes it.")

    airflow_host: str = Field("127.0.0.1", description="Address of Airflow.")
    airflow_port: int = Field(18081, description="Port of Airflow's API server and web pages.")
    airflow_parallelism: int = Field(4, ge=1, description="Tasks that Airflow runs at once.")

    extract_workers: int = Field(2, ge=1, description="Parallel connections that read one exported snapshot.")
    overlap_hours: int = Field(
        24,
        ge=0,
        description="Hours before the data interval that are read again; a row that commits later than that after its "
        "own time is found by tie-out alone.",
    )
    quarantine_limit_percent: int = Field(
        5,
        ge=0,
        le=100,
        description="Share of a landing file's lines that may be quarantined before the run fails.",
    )
    repair_limit_rows: int = Field(
        10_000,
        ge=0,
        description="Rows of a table that a run's tie-out mends by itself; where more differ, it fails. 0: none.",
    )
    full_tie_out_days: int = Field(
        7,
        ge=1,
        description="Days after which a table that is tied out by changed months is compared whole again.",
    )
    timing_difference_hours: int = Field(
        24,
        ge=0,
        description="Hours between billing and ERP dates beyond which a match counts as a timing difference.",
    )

    stripe_api_url: str = Field("https://api.stripe.com", description="Address of Stripe's API.")
    stripe_api_key: SecretStr = Field(
        SecretStr(""),
        description="Key that reads Stripe's API, best a restricted one; empty: Stripe comes as delivered files only.",
    )

    kpi_window_days: int = Field(
        90, ge=1, description="Days of the trailing window that DSO, DPO and the other flow KPIs look back on."
    )

    alert_notifier: str = Field(
        "",
        description="Class of the Airflow notifier that gets a run's message, such as "
        "airflow.providers.smtp.notifications.smtp.SmtpNotifier; empty: it is only stored and logged.",
    )
    alert_notifier_arguments: str = Field(
        "{}",
        description="That notifier's arguments, a JSON object; {subject} and {text} in them become the message's.",
    )

    postgres_password: SecretStr = Field(SecretStr(""), description="Password of the Postgres user.")
    minio_root_user: SecretStr = Field(SecretStr(""), description="Administrator of the S3 store.")
    minio_root_password: SecretStr = Field(SecretStr(""), description="Password of that administrator.")
    lake_access_key: SecretStr = Field(
        SecretStr(""), description="S3 key that may use the buckets lake and landing only."
    )
    lake_secret_key: SecretStr = Field(SecretStr(""), description="Secret of that key.")
    airflow_admin_password: SecretStr = Field(SecretStr(""), description="Password of Airflow's admin.")
    airflow_jwt_secret: SecretStr = Field(SecretStr(""), description="Key that signs Airflow's tokens.")
    airflow_fernet_key: SecretStr = Field(SecretStr(""), description="Key that encrypts Airflow's connections.")

    @property
    def project_root(self) -> Path:
        """The folder that holds config/, trino/, airflow/, dbt/ and postgres/."""
        return PROJECT_ROOT

    @property
    def secrets_file(self) -> Path:
        return self.home / SECRETS_FILE

    @property
    def s3_endpoint(self) -> str:
        return f"http://{self.minio_host}:{self.minio_port}"

    @property
    def trino_url(self) -> str:
        return f"http://{self.trino_host}:{self.trino_port}"

    @property
    def airflow_url(self) -> str:
        return f"http://{self.airflow_host}:{self.airflow_port}"

    def reveal(self, name: str) -> str:
        """The clear text of the secret ``name``. Raises MissingSecret when it has not been made yet."""
        value = getattr(self, name).get_secret_value()
        if not value:
            raise MissingSecret(
                f"setting {name} is empty: run `tieout up`, which writes {self.secrets_file}, "
                f"or set TIEOUT_{name.upper()}"
            )
        return value


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once. ``get_settings.cache_clear()`` makes the next call read again.

    Raises ConfigError for a value that its setting cannot have.
    """
    try:
        return Settings(_env_file=Settings().home / SECRETS_FILE)
    except ValidationError as error:
        # Secrets are texts, of which none is wrong: what is shown is a number or a path.
        wrong = [f"TIEOUT_{e['loc'][0]}".upper() + f" is {e['input']!r}: {e['msg']}" for e in error.errors()]
        raise ConfigError(f"{'; '.join(wrong)}. See docs/settings.md") from error
