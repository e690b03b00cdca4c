"""Every setting with its default and its meaning: the source of the reference page.

Size: one table.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from eventflow.catalog.spelling import did_you_mean
from eventflow.plugin.registry import modules
from eventflow.settings.secret import Secret
from eventflow.settings.values import Duration, Listening, Paths, Place, SettingsPath, Several, Size, Texts, near

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Scope = Literal[
    "events:write", "events:read", "runs:read", "runs:write", "approvals:write", "workflows:read", "workflows:write",
    "metrics:read", "admin",
]  # fmt: skip
S = 1_000_000
DAY = 86_400 * S


class Model(BaseModel):
    """Frozen, and without keys that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Tls(Model):
    """Certificate and key of a listener, or of a client."""

    cert: SettingsPath = Field(description="certificate chain, PEM")
    key: SettingsPath = Field(description="private key, PEM")
    ca: SettingsPath | None = Field(None, description="certificate authority to be trusted, PEM")


class Listen(Model):
    """The two listeners."""

    public: Listening = Field(
        "127.0.0.1:8080", validate_default=True, description="`/events` and `/in/…`; port 0: any free one"
    )
    private: Listening = Field("127.0.0.1:8081", validate_default=True, description="API, metrics, health")
    tls: Tls | None = Field(None, description="certificate of both listeners")
    behind_proxy: bool = Field(False, description="a proxy in front speaks TLS; allows other addresses than loopback")

    @model_validator(mode="after")
    def _guarded(self) -> Listen:
        outside = [name for name in ("public", "private") if not getattr(self, name).is_loopback]
        if outside and not (self.tls or self.behind_proxy):
            advice = (
                "give listen.tls, or say listen.behind_proxy: true where a proxy speaks TLS, or listen on 127.0.0.1"
            )
            raise Several(
                [((name,), f"{getattr(self, name)} can be reached from outside: {advice}") for name in outside]
            )
        return self


class Sasl(Model):
    """Log-in at Kafka."""

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field("SCRAM-SHA-512", description="SASL mechanism")
    username: str = Field(description="user name")
    password: Secret = Field(description="password")


class KafkaTls(Model):
    """TLS to Kafka; `tls: {}` trusts the system's authorities."""

    ca: SettingsPath | None = Field(None, description="certificate authority to be trusted, PEM")
    cert: SettingsPath | None = Field(None, description="our own certificate chain, PEM, where the broker wants one")
    key: SettingsPath | None = Field(None, description="its private key, PEM")


class BusSettings(Model):
    """The event log."""

    url: str = Field(
        "sqlite:",
        pattern=r"^(sqlite:|memory:|kafka://.*)$",
        description="`sqlite:`, `memory:` or `kafka://host:port,…/topic`",
    )
    partitions: int = Field(
        1, ge=1, le=1024, description="data partitions, fixed at the first start; `sqlite:` has one"
    )
    topic: dict[str, str | int | bool] = Field(
        {}, description="settings of the Kafka topics when they are made, by Kafka's names, and `replication`"
    )
    sasl: Sasl | None = Field(None, description="log-in at Kafka")
    tls: KafkaTls | None = Field(None, description="TLS to Kafka")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    @field_validator("url")
    @classmethod
    def _one_topic(cls, value: str) -> str:
        if value.startswith("kafka:"):
            from eventflow.kafka.url import parts

            if len(topics := parts(value).topics) > 1:
                raise ValueError(f"the bus has one topic, and these are {len(topics)}: {', '.join(topics)}")
        return value

    @model_validator(mode="after")
    def _one_partition(self) -> BusSettings:
        if self.url == "sqlite:" and self.partitions != 1:
            raise Several([(("partitions",), "the bus sqlite: has one; leave it away, or use memory: or kafka:")])
        return self

    @model_validator(mode="after")
    def _for_kafka(self) -> BusSettings:
        only = [name for name in ("topic", "sasl", "tls") if getattr(self, name)]
        if self.type != "kafka" and only:
            raise Several([((name,), f"is for kafka://host:port,…/topic, and the bus is {self.url}") for name in only])
        return self

    @property
    def type(self) -> str:
        """The component's name."""
        return self.url.partition(":")[0]

    @property
    def servers(self) -> tuple[str, ...]:
        """The addresses of Kafka."""
        return tuple(self.url.removeprefix("kafka://").partition("/")[0].split(","))

    @property
    def topic_name(self) -> str:
        """The topic of Kafka."""
        return self.url.rpartition("/")[2]


class Auth(Model):
    """Who may send to a source. What is left open is the source type's own choice."""

    scheme: Literal["bearer", "basic", "hmac", "standard-webhooks", "none"] | None = Field(
        None, description="how the sender shows that it may"
    )
    header: str | None = Field(
        None, pattern=r"^[A-Za-z0-9-]{1,128}$", description="header that carries token or signature"
    )
    prefix: str = Field("", max_length=64, description="what stands before the signature: `sha256=`")
    encoding: Literal["hex", "base64"] = Field("hex", description="how a signature is written")
    algorithm: Literal["sha256", "sha512"] = Field("sha256", description="hash of the HMAC")
    tolerance: Duration = Field(300 * S, description="how far a signed time may be off, both ways")
    secrets: tuple[Secret, ...] = Field((), description="live secrets, newest first; several while rotating")


class SourceSettings(Model):
    """One source: what turns requests at its path into events."""

    type: Name = Field(description="which source component")
    path: str = Field(
        "", pattern=r"^(/[A-Za-z0-9._~-]+)*$", description="path on the public listener; default `/in/<name>`"
    )
    auth: Auth = Field(Auth(), description="who may send")
    map: dict[Literal["id", "type", "kind", "source", "subject", "time", "data"], str] = Field(
        {}, description="CEL over `headers`, `query`, `body` and `data`, one for each attribute"
    )
    dedup: str | None = Field(None, description="CEL over the same: what makes two requests the same event")
    partition_key: str | None = Field(
        None, description="CEL over the event: what chooses its partition (default: subject, else source)"
    )
    rate: int | None = Field(None, ge=1, description="events a second from this source; above it 429")
    config: dict[str, Any] = Field({}, description="the source type's own settings")

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        known = sorted(modules("source"))
        if value not in known:
            advice = did_you_mean(value, known) or f"there are: {', '.join(known)}"
            raise ValueError(f"there is no source type {value!r}; {advice}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("auth"), str):
            return {**value, "auth": {"scheme": value["auth"]}}
        return value

    @model_validator(mode="after")
    def _authentic(self) -> SourceSettings:
        scheme, secrets = self.auth.scheme, self.auth.secrets
        found: list[tuple[Place, str]] = []
        if scheme == "none" and secrets:
            found.append((("auth", "secrets"), "scheme none takes no secrets"))
        if scheme not in {None, "none"} and not secrets:
            found.append((("auth", "secrets"), f"scheme {scheme} needs secrets: [env:NAME] or [file:PATH]"))
        if self.type == "webhook" and scheme == "hmac" and not self.auth.header:
            said = "scheme hmac needs header: the name of the header with the signature"
            found.append((("auth", "header"), said))
        if found:
            raise Several(found)
        return self

    def given(self) -> dict[str, Any]:
        """What a source is made from: everything but its secrets; durations in microseconds."""
        return self.model_dump(exclude={"auth": {"secrets"}}, exclude_none=True)

    def secrets(self) -> tuple[bytes, ...]:
        """The live secrets, newest first. Raises `SettingsError` for one that can't be had."""
        return tuple(secret.reveal() for secret in self.auth.secrets)


class TokenSettings(Model):
    """A token of the API, beside those of `eventflow token create`."""

    name: Name = Field(description="who it is for")
    scopes: tuple[Scope, ...] = Field(min_length=1, description="what it may")
    secret: Secret = Field(description="the token itself")


class Egress(Model):
    """Reaching outside."""

    allow: Texts = Field((), description="hosts, host:port and networks that actions may reach beside public addresses")


class Shell(Model):
    """Starting programs."""

    allow: Texts = Field((), description="programs that `shell.run` may start; none unless named")


class Retention(Model):
    """How long things are kept: never less than what is undecided or open."""

    events: Duration = Field(7 * DAY, description="age of events on the log")
    size: Size = Field(
        10 * 1024**3, ge=1024**2, description="size of the log; at the limit events are refused with 503"
    )
    runs: Duration = Field(90 * DAY, description="age of ended runs")


class Log(Model):
    """The log of the process, on stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="what is worth a line")
    format: Literal["auto", "human", "json"] = Field("auto", description="`auto`: human on a terminal, else JSON")


class Limits(Model):
    """Bounds of the doors and of memory."""

    body: Size = Field(1024**2, ge=1024, description="request body")
    decompressed: Size = Field(8 * 1024**2, ge=1024, description="body after decompression")
    headers: Size = Field(32 * 1024, ge=1024, description="all headers of a request")
    fields: int = Field(100, ge=10, description="number of headers")
    depth: int = Field(64, ge=4, le=500, description="nesting of JSON")
    head_time: Duration = Field(5 * S, description="until the head of a request is there")
    body_time: Duration = Field(15 * S, description="until the body is there")
    connections: int = Field(1000, ge=1, description="open connections")
    per_address: int = Field(100, ge=1, description="open connections from one address")
    batch: int = Field(10_000, ge=1, description="events in one request")
    queue_age: Duration = Field(500_000, description="shed with 503 when requests wait longer than this for the log")
    rate: int | None = Field(None, ge=1, description="events a second from one sender; above it 429")
    keys: int = Field(100_000, ge=1, description="keys that one trigger keeps state for")
    dead_letters: int = Field(
        1000, ge=10, le=100_000,
        description="dead letters kept of one trigger, and of whole records; ten times that in all; counted beyond",
    )  # fmt: skip
    in_flight: int = Field(32, ge=1, description="runs that are worked on at once")
    drain: Duration = Field(10 * S, description="until what is open at a stop is broken off")


class Settings(Model):
    """All settings. `origin(key)` tells where a value came from."""

    data_dir: SettingsPath = Field(
        ".eventflow", validate_default=True, description="everything that eventflow writes; made with mode 0700"
    )
    listen: Listen = Field(Listen(), description="the two listeners")
    bus: BusSettings = Field(BusSettings(), description="the event log; a text is its `url`")
    store: str = Field(
        "sqlite:", pattern=r"^(sqlite:|memory:|postgresql://.+)$", description="positions, runs and journals"
    )
    workflows: Paths = Field(
        ("workflows",), validate_default=True, description="folders of workflows beside the shipped ones"
    )
    detectors: Paths = Field(
        ("detectors",), validate_default=True, description="folders of detectors beside the shipped ones"
    )
    sources: dict[Name, SourceSettings] = Field({}, description="name → source")
    tokens: tuple[TokenSettings, ...] = Field((), description="tokens of the API")
    secrets: dict[Name, Secret] = Field({}, description="name → what workflows see as `secrets.<name>`")
    egress: Egress = Field(Egress(), description="reaching outside")
    shell: Shell = Field(Shell(), description="starting programs")
    retention: Retention = Field(Retention(), description="how long things are kept")
    timezone: str | None = Field(None, description="time zone of schedules that name none")
    log: Log = Field(Log(), description="the log of the process")
    limits: Limits = Field(Limits(), description="bounds of the doors and of memory")
    plugins: Paths = Field((), description="folders that plugins may be loaded from; not writable by others")

    _origins: dict[str, str] = {}
    _file: Path | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (OSError, ValueError, KeyError) as error:
                raise ValueError(f"no time zone {value!r}; write for instance Europe/Berlin or UTC") from error
        return value

    @field_validator("plugins")
    @classmethod
    def _not_writable_by_others(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        found: list[tuple[Place, str]] = []
        for index, folder in enumerate(value):
            if not folder.is_dir():
                found.append(((index,), f"{folder} is no folder"))
            elif folder.stat().st_mode & 0o022:
                found.append(((index,), f"{folder} can be written by others; chmod go-w {folder}"))
        if found:
            raise Several(found)
        return value

    @model_validator(mode="after")
    def _sources_fit(self) -> Settings:
        if found := [one for name in self.sources for one in self._about_source(name)]:
            raise Several(found)
        return self

    def _about_source(self, name: str) -> Iterator[tuple[Place, str]]:
        """What only all settings together tell of a source."""
        source, path = self.sources[name], self._path_of(name)
        if path in {"/events", "/events/"}:
            yield ("sources", name, "path"), "/events is the door for CloudEvents"
        before = list(self.sources)[: list(self.sources).index(name)]
        if first := [other for other in before if self._path_of(other) == path]:
            yield ("sources", name, "path"), f"{path} is already the path of {first[0]}"
        if source.auth.scheme == "none" and not self.listen.public.is_loopback:
            said = f"none is for a listener on loopback only, and listen.public is {self.listen.public}"
            yield ("sources", name, "auth"), said
        if source.type == "webhook" and source.auth.scheme is None:
            said = "a webhook needs auth: {scheme: bearer, hmac or standard-webhooks, secrets: […]}; "
            yield ("sources", name), said + "scheme none has to be written out"

    def _path_of(self, name: str) -> str:
        return self.sources[name].path or f"/in/{name}"

    @property
    def file(self) -> Path | None:
        """The settings file, where there is one."""
        return self._file

    @property
    def zone(self) -> tzinfo:
        """The time zone of schedules that name none; UTC where nothing is set."""
        return ZoneInfo(self.timezone or "UTC")

    def origin(self, key: str) -> str:
        """Where the value of a key (`listen.public`) came from: `default`, `FILE:LINE:COLUMN`, `$NAME` or `flag`.

        A key that is a part of something given as a whole has the origin of the whole; one that is missing in a mapping
        whose other keys were given is a default.
        """
        while key and key not in self._origins:
            key = key.rpartition(".")[0]
            if any(one.startswith(key + ".") for one in self._origins):
                return "default"
        return self._origins.get(key, "default")

    def near(self, key: str) -> str:
        """Where a mistake at a key is told: its origin, else that of what is in it or around it."""
        return near(self._origins, tuple(key.split(".")))
