"""A connection that is closed without a word may mean three things, and each is told with its setting."""

import pytest

from eventflow.kafka.connection import Connection, Sasl, Tls, why

SASL = Sasl("PLAIN", "ef", "hunter2")


@pytest.mark.parametrize(
    ("sasl", "tls", "told", "untold"),
    [
        (None, None, ("speaks TLS, give bus.tls", "wants a log-in, give bus.sasl"), "leave"),
        (SASL, None, ("speaks TLS, give bus.tls",), "log-in"),
        (SASL, Tls(), ("speaks no TLS, leave bus.tls away",), "log-in"),
        (None, Tls(), ("speaks no TLS, leave bus.tls away", "wants a log-in, give bus.sasl"), "give bus.tls"),
    ],
)
def test_a_connection_that_was_closed(sasl, tls, told, untold):
    said, final = why(ConnectionResetError(), Connection(("a",), sasl, tls), "a:9092")
    assert all(words in said for words in told)
    assert untold not in said
    assert "hunter2" not in said
    assert not final
