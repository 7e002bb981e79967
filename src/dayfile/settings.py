"""One frozen Settings, read once from the environment (or a `.env` file) by the faces; lower code gets values."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from dayfile import setting_rules
from dayfile.delivery.relay import Mailing, Sender, parse_relay, parse_sender
from dayfile.environment import CUSTOMER_NAMES, FILE, PREFIX, Names, is_of_a_service, look_at_names
from dayfile.errors import Unusable
from dayfile.files.own_folders import OwnFolders
from dayfile.files.storage_url import StorageUrl
from dayfile.model.export import LONGEST_LINK
from dayfile.sealing.schedule import SealingRule
from dayfile.setting_problems import in_words
from dayfile.store.database_url import file_of, shown_url
from dayfile.store.postgres_engine import CONNECTIONS
from dayfile.work.engine_url import EngineUrl

Network = IPv4Network | IPv6Network


class Settings(BaseSettings):
    """Every setting, with its unit, its bounds and its default. `DAYFILE_` before the name gives the variable."""

    model_config = SettingsConfigDict(
        env_prefix="DAYFILE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    data_dir: Annotated[Path, Field(description="Folder of the state database, the objects and the secret key")] = Path(
        "data"
    )
    host: Annotated[str, Field(description="Address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="Port to listen on; 0 picks a free one")] = 8080
    metrics_listen: Annotated[
        str | None,
        AfterValidator(setting_rules.listener),
        Field(description="Address and port of a listener for metrics only, 127.0.0.1:9464; default none"),
    ] = None
    public_url: Annotated[
        str | None,
        AfterValidator(setting_rules.public_url),
        Field(
            description="What clients call this server, scheme and host and port without a path; default http://HOST:PORT",
        ),
    ] = None
    trusted_proxies: Annotated[
        tuple[Network, ...] | None,
        NoDecode,
        BeforeValidator(setting_rules.networks),
        Field(description="Proxies whose X-Forwarded-For is believed, addresses and CIDRs with commas between them"),
    ] = None
    accel_redirect: Annotated[
        str | None,
        AfterValidator(setting_rules.accel_redirect),
        Field(description="Internal location of the proxy for the object storage, to send large files from: /objects/"),
    ] = None
    database_url: Annotated[
        str | None,
        AfterValidator(setting_rules.database),
        Field(
            repr=False,  # there may be a password in it
            description="URL of the state database, sqlite:/// or postgresql://; default SQLite in the data folder",
        ),
    ] = None
    database_connections: Annotated[
        int, Field(ge=1, le=100, description="Connections of one process to PostgreSQL, at most; one more listens")
    ] = CONNECTIONS
    database_listen_url: Annotated[
        str | None,
        AfterValidator(setting_rules.database),
        Field(
            repr=False,
            description="URL of the same database past any pooler, to be woken by; default DAYFILE_DATABASE_URL",
        ),
    ] = None
    storage_url: Annotated[
        str | None,
        AfterValidator(setting_rules.storage),
        Field(description="URL of the object storage, file:///, s3://, gs:// or az://; default in the data folder"),
    ] = None
    storage_public_url: Annotated[
        str | None,
        AfterValidator(setting_rules.public_url),
        Field(description="What clients call the object store in links to it, scheme and host; default as it is asked"),
    ] = None
    downloads: Annotated[
        Literal["redirect", "serve"],
        Field(description="Whether clients are sent to the object store for large files, or Dayfile serves all"),
    ] = "redirect"
    webhook_allow: Annotated[
        tuple[Network, ...] | None,
        NoDecode,
        BeforeValidator(setting_rules.networks),
        Field(description="Networks that webhooks may go to beside the Internet, CIDRs with commas between them"),
    ] = None
    ca_file: Annotated[
        Path | None,
        AfterValidator(setting_rules.authorities),
        Field(description="PEM file of certificate authorities to trust beside the system's"),
    ] = None
    smtp_url: Annotated[
        SecretStr | None,
        AfterValidator(setting_rules.relay),
        Field(description="Server that takes e-mail, smtp:, smtp+starttls: or smtps://USER:PASSWORD@HOST:PORT"),
    ] = None
    mail_from: Annotated[
        str | None,
        AfterValidator(setting_rules.sender),
        Field(description="Sender of e-mail, an address or NAME <ADDRESS>; default dayfile at the public host"),
    ] = None
    secret_key: Annotated[
        SecretStr | None,
        AfterValidator(setting_rules.key),
        Field(
            description="Instance key, 64 or more hexadecimal digits; default made in the data folder on first start"
        ),
    ] = None
    day_grace_minutes: Annotated[
        int, Field(ge=0, le=1440, description="Minutes after midnight UTC before a day is sealed")
    ] = 60
    late_quiet_minutes: Annotated[
        int, Field(ge=0, le=1440, description="Minutes without new late records before a sealed day is sealed again")
    ] = 10
    late_limit_minutes: Annotated[
        int, Field(ge=0, le=10080, description="Minutes after the first late record when the day is sealed anyway")
    ] = 360
    link_lifetime_seconds: Annotated[
        int, Field(ge=1, le=int(LONGEST_LINK.total_seconds()), description="Seconds that a download link works")
    ] = 3600
    file_lifetime_days: Annotated[
        int, Field(ge=1, le=3650, description="Days that a published day file stays on the list")
    ] = 7
    job_lifetime_days: Annotated[
        int, Field(ge=1, le=3650, description="Days that a job stays on the list once it is over")
    ] = 7
    notice_lifetime_days: Annotated[
        int, Field(ge=1, le=3650, description="Days that a notice and its attempts are kept once it has ended")
    ] = 30
    start_mails: Annotated[
        bool, Field(description="Whether the owner of an account is told by e-mail that a job has started")
    ] = True
    quota_days: Annotated[
        int, Field(ge=0, description="Days that an account and its subaccounts may request per UTC day; 0 lifts it")
    ] = 366
    accounts_may_write: Annotated[
        bool, Field(description="Whether account credentials may send records of their own account and subaccounts")
    ] = False
    max_body_bytes: Annotated[
        int, Field(ge=1048576, description="Largest request body of records, in bytes after decompression")
    ] = 1 << 30
    concurrent_requests: Annotated[
        int, Field(ge=0, le=1000, description="Requests of one account answered at once by one process; 0 lifts it")
    ] = 20
    sweep_delay_days: Annotated[
        int,
        Field(ge=0, le=365, description="Days that objects nothing refers to are kept, for restoring older backups"),
    ] = 7
    scrub_days: Annotated[
        int, Field(ge=0, le=365, description="Days after which a stored object is read and compared again; 0: never")
    ] = 7
    scrub_mb_per_second: Annotated[
        int, Field(ge=1, le=10000, description="Megabytes that are read in a second for that, at most")
    ] = 20
    lease_seconds: Annotated[
        int, Field(ge=5, le=3600, description="Seconds after which work of a process that died is taken up by another")
    ] = 60
    seal_memory_mb: Annotated[
        int, Field(ge=128, le=1 << 20, description="Megabytes the seal engine may use before it spills to disk")
    ] = 280
    pack_below_bytes: Annotated[
        int, Field(ge=0, le=1 << 24, description="Bytes of gzip below which files share objects; 0: each has its own")
    ] = 1 << 20
    engine: Annotated[
        str,
        AfterValidator(setting_rules.engine),
        Field(
            description="Where heavy work is done: `local`, or the scheduler of a Dask cluster, dask+tls://HOST:PORT"
        ),
    ] = "local"
    fields: Annotated[
        Literal["export", "full"],
        Field(description="`export` drops the fields that Twilio leaves out of exports; `full` keeps them at the end"),
    ] = "export"
    line_reader: Annotated[
        Literal["auto", "python"],
        Field(description="`auto` reads lines by compiled code if the installation has it; `python` never"),
    ] = "auto"

    @classmethod
    def settings_customise_sources(  # noqa: PLR0917 - the library's signature
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment without what Kubernetes puts into it for a Service."""
        if isinstance(env_settings, EnvSettingsSource):
            found = env_settings.env_vars.items()
            env_settings.env_vars = {name: text for name, text in found if not is_of_a_service(name, text or "")}
        return init_settings, env_settings, dotenv_settings

    @model_validator(mode="before")
    @classmethod
    def _without_white_space(cls, given: Any) -> Any:
        # A value that was read from a file ends with a line feed.
        return {name: text.strip() if isinstance(text, str) else text for name, text in given.items()}

    @classmethod
    def read(cls, **overrides: Any) -> Self:
        """Read the environment once; raises Unusable that names every setting in error at the same time.

        With `_env_file=None` there is no file, and names in the environment are nobody's mistake.
        """
        file = overrides.get("_env_file", FILE)
        problems = [] if file is None else list(cls.names(file=file).mistakes)
        settings = None
        try:
            settings = cls(**overrides)
        except ValidationError as error:
            problems += map(in_words, error.errors())
        if settings is not None:
            problems += setting_rules.contradictions(
                is_shared=settings.is_shared,
                has_key=settings.secret_key is not None,
                listens=settings.database_listen_url is not None,
            )
        if problems or settings is None:
            listed = "\n".join(f"  {problem}" for problem in problems)
            raise Unusable(f"these settings cannot be used:\n{listed}")
        return settings

    @classmethod
    def names(cls, *, file: Path | None = FILE) -> Names:
        """Look for names that are no settings, in the environment and in the file beside it."""
        own = (f"{PREFIX}{name.upper()}" for name in cls.model_fields)
        return look_at_names({*own, *CUSTOMER_NAMES}, file=file)

    @property
    def database(self) -> str:
        """The URL of the database, given or default."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'dayfile.sqlite'}"

    @property
    def key_file(self) -> Path:
        """The file of the instance key, unless the key is a setting."""
        return self.data_dir.absolute() / "secret.key"

    @property
    def place(self) -> str:
        """The location of the instance, for messages: its data folder, and its database if that is elsewhere.

        On PostgreSQL it is the database alone: the folder is this machine's, and has none of the instance.
        """
        folder = str(self.data_dir.absolute())
        if self.database_url is None:
            return folder
        if self.is_shared:
            return shown_url(self.database_url)
        return f"{folder}, its database {shown_url(self.database_url)}"

    @property
    def is_shared(self) -> bool:
        """True if several machines may have this instance: its database is a server."""
        return file_of(self.database) is None

    @property
    def storage(self) -> StorageUrl:
        """The place of the object storage, given or default."""
        if self.storage_url is None:
            return StorageUrl(scheme="file", folder=self.data_dir.absolute() / "objects")
        return StorageUrl.parse(self.storage_url)

    @property
    def engine_url(self) -> EngineUrl:
        """The place of heavy work."""
        return EngineUrl.parse(self.engine)

    @property
    def scratch(self) -> Path:
        """The folder for temporary files of work in progress."""
        return self.data_dir.absolute() / "scratch"

    def own_folders(self, database: Path | None) -> OwnFolders:
        """Return the folders and files of this instance; `database` is the file of its database, if it has one."""
        return OwnFolders(data=self.data_dir.absolute(), storage=self.storage.folder, database=database)

    @property
    def mailing(self) -> Mailing:
        """The settings of outgoing e-mail."""
        host = urlsplit(self.base_url).hostname or "localhost"
        return Mailing(
            relay=parse_relay(self.smtp_url.get_secret_value()) if self.smtp_url else None,
            folder=self.data_dir.absolute() / "mail",
            sender=parse_sender(self.mail_from)
            if self.mail_from
            else Sender(name="Dayfile", address=f"dayfile@{host}"),
            public_url=self.base_url,
        )

    @property
    def lease(self) -> timedelta:
        """The time for which a claim holds its work."""
        return timedelta(seconds=self.lease_seconds)

    @property
    def sweep_delay(self) -> timedelta:
        """The time for which unreferenced objects are kept."""
        return timedelta(days=self.sweep_delay_days)

    @property
    def scrub_every(self) -> timedelta:
        """The time after which an object is read again; zero: never."""
        return timedelta(days=self.scrub_days)

    @property
    def scrub_bytes_per_second(self) -> int:
        """The most bytes that are read again in a second."""
        return self.scrub_mb_per_second * 1_000_000

    @property
    def sealing_rule(self) -> SealingRule:
        """The rule for when a day is due to be sealed."""
        return SealingRule(
            grace=timedelta(minutes=self.day_grace_minutes),
            quiet=timedelta(minutes=self.late_quiet_minutes),
            limit=timedelta(minutes=self.late_limit_minutes),
        )

    @property
    def notice_lifetime(self) -> timedelta:
        """The time for which a notice and its attempts are kept once it has ended."""
        return timedelta(days=self.notice_lifetime_days)

    @property
    def file_lifetime(self) -> timedelta:
        """The time for which a published day file stays on the list."""
        return timedelta(days=self.file_lifetime_days)

    @property
    def job_lifetime(self) -> timedelta:
        """The time for which a job stays on the list once it is over."""
        return timedelta(days=self.job_lifetime_days)

    @property
    def base_url(self) -> str:
        """The public base URL, given or default, without a slash at its end."""
        everywhere_or_here = self.host in ("127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104 - compared, not bound
        return self.public_url or f"http://{'localhost' if everywhere_or_here else self.host}:{self.port}"
