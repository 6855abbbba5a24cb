"""Settings of a worker, read once from the environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from register.rules.digest import Digester
from register.rules.settings import RuleSettings
from register.store.batch import Rules
from workers.lanes import Lane

PositiveInt = Annotated[int, Field(gt=0)]


class Settings(BaseSettings):
    """Every setting is an environment variable of the same name in capitals.

    The first three have no default: there are no default credentials. `DIGEST_SECRET` must
    stay the same for the life of the register (R7).
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    kafka_bootstrap_servers: str
    database_url: SecretStr
    digest_secret: SecretStr = Field(min_length=16)
    topic_prefix: str = ""
    consumer_group: str = "asiakasrekisteri"
    lanes: Annotated[tuple[Lane, ...], NoDecode, Field(min_length=1)] = tuple(Lane)
    batch_max_records: PositiveInt = 500
    gather_ms: Annotated[int, Field(ge=0)] = 100
    batch_patience_s: PositiveInt = 120
    outbox_batch: PositiveInt = 1000
    session_timeout_ms: PositiveInt = 10_000
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(gt=0, le=65535)] = 6066
    access_requires_signature: bool = False
    former_customer_retention_days: PositiveInt = 6 * 365 + 2
    log_level: Annotated[str, Field(pattern="^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$")] = "INFO"
    log_format: Annotated[str, Field(pattern="^(json|console)$")] = "console"

    @field_validator("database_url")
    @classmethod
    def _is_postgresql(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith("postgresql://"):
            raise ValueError("it must start with postgresql://")
        return url

    @field_validator("lanes", mode="before")
    @classmethod
    def _separated_by_commas(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value

    def rules(self) -> Rules:
        """What every batch is written by."""
        return Rules(
            digester=Digester(self.digest_secret.get_secret_value().encode()),
            settings=RuleSettings(
                access_requires_signature=self.access_requires_signature,
                former_customer_retention=timedelta(days=self.former_customer_retention_days),
            ),
            prefix=self.topic_prefix,
        )
