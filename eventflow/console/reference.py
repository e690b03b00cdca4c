"""The reference page of the API, made from the table of routes and the closed list of refusals.

python -m eventflow.console.reference > docs/reference/api.md
"""

from __future__ import annotations

from eventflow.console.asked import LIST
from eventflow.console.routes import ROUTES, Operation, full_path
from eventflow.web.limits import Limits
from eventflow.web.problems import CODES
from eventflow.web.tokens import SCOPES

HEAD = """# API

This page is made from the code; a test holds it equal. The running server describes itself at `/api/openapi.json`
(OpenAPI 3.1).

## The public listener

`POST /events` takes CloudEvents 1.0 in every form, from whoever has a token with `events:write`:

| form | content type | |
|---|---|---|
| structured | `application/cloudevents+json` | one event |
| batch | `application/cloudevents-batch+json` | a JSON array of events |
| NDJSON | `application/x-ndjson` | one event a line; the quickest way for many |
| binary | any other, with `ce-` headers | attributes in headers (percent-encoded), data in the body |

`POST /in/<source>` takes the deliveries of a configured source ([webhooks](../howto/webhook-source.md)).

The answer is 202 with `{"accepted": n, "duplicates": m}`; it comes when every accepted event would survive a power cut.
A batch is all or nothing; the first bad line is named. An event without `time` gets the time it came; one that lies
more than 5 minutes ahead is set to it, and `timegiven` keeps what it said. `Content-Encoding` may be gzip or deflate.

## The private listener

A token goes into `Authorization: Bearer ef_…`; on the Unix socket in the data directory none is needed. Lists answer
`{"items": […], "next": cursor or null}` to `?limit=` (at most 200) and `?after=`. Fields are only ever added.
`/api/v1/feed` goes forwards instead: its `next` is never null, and with `?wait=` it answers as soon as something comes.

A request whose `Origin` is not the address it asks for is refused (403 `host`), and on a loopback address so is one
whose `Host` is a name: that is how a page in a browser would reach it. `insight` is not there yet.
"""


def reference() -> str:
    """The page."""
    rows = [_row(operation) for operation in ROUTES]
    table = ["| | needs | |", "|---|---|---|", *rows]
    scopes = [f"| `{scope}` | {what} |" for scope, what in SCOPES.items()]
    codes = [f"| {status} | `{code}` | {title} |" for code, (status, title) in CODES.items()]
    return "\n".join(
        [
            HEAD, *table, "", "## Scopes", "", "| scope | lets its holder |", "|---|---|", *scopes, "",
            "## Refusals", "",
            "Every refusal is a problem document (RFC 9457, `application/problem+json`) with `type`, `title`,",
            "`status`, `code`, `detail` and `instance`, the id under which the log has the rest. The codes are a",
            "closed list.", "",
            "| status | code | meaning |", "|---|---|---|", *codes, "",
            "503 and 429 carry `Retry-After` in seconds.", "", "## Limits", "", *_limits(), "",
        ]
    )  # fmt: skip


def _row(operation: Operation) -> str:
    asked = list(LIST) if operation.many else []
    query = "".join(f" `?{name}=`" for name in [*operation.query, *asked])
    body = (
        f" Body: {', '.join(f'`{name}` ({field.what})' for name, field in operation.body.items())}."
        if operation.body
        else ""
    )
    scope = f"`{operation.scope}`" if operation.scope else "nothing"
    return f"| `{operation.method} {full_path(operation)}`{query} | {scope} | {operation.summary}{body} |"


def _limits() -> list[str]:
    limits = Limits()
    return [
        "| what | default |",
        "|---|---|",
        f"| one delivery, and one event of a batch | {limits.body:,} bytes |",
        f"| a delivery after unpacking, and a whole batch | {limits.unpacked:,} bytes |",
        f"| events in a batch | {limits.batch:,} |",
        f"| nesting of JSON | {limits.depth} levels |",
        f"| header | {limits.header:,} bytes, {limits.header_fields} fields |",
        f"| until the header is there, until the body is | {limits.header_seconds:g} s, {limits.body_seconds:g} s |",
        f"| connections, of one address | {limits.connections:,}, {limits.connections_per_address:,} |",
    ]


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference())
