"""The one grammar of Kafka's URLs: what is taken, what is named as wrong, and what is never repeated."""

import pytest

from eventflow.kafka.url import address, parts


def test_what_is_taken():
    found = parts("kafka://a,B:1,[::1]:9093/x,y.z,x")
    assert (found.servers, found.topics) == (("a", "B:1", "[::1]:9093"), ("x", "y.z"))
    assert [address(one) for one in found.servers] == [("a", 9092), ("b", 1), ("::1", 9093)]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("KAFKA://a/x", "is not kafka://"),
        ("kafka:///x", "names no server"),
        ("kafka://a:1", "names no topic; write kafka://a:1/topic"),
        ("kafka://a:1/", "names no topic"),
        ("kafka://a:0/x", "'a:0': a port is a number from 1 to 65535"),
        ("kafka://a:99999/x", "from 1 to 65535"),
        ("kafka://a:b/x", "'a:b' is no address of a Kafka broker; write host:port"),
        ("kafka://::1:9092/x", "as [::1]:9092"),
        ("kafka://a,,b/x", "'' is no address"),
        ("kafka://a/x?acks=1", "'?acks=1' is not taken"),
        ("kafka://a/x#f", "'#f' is not taken"),
        ("kafka://a/x/y", "'x/y' is no name of a topic"),
        ("kafka://a/x,", "'' is no name of a topic"),
        ("kafka://a/..", "'..' is no name of a topic"),
        ("kafka://a/" + "x" * 242, "has 242 characters"),
    ],
)
def test_mistakes_are_named(url, told):
    with pytest.raises(ValueError, match=r".") as caught:
        parts(url)
    assert told in str(caught.value)


def test_who_logs_in_is_never_repeated():
    with pytest.raises(ValueError, match="sasl") as caught:
        parts("kafka://joe:hunter2@a:9092/x")
    assert "hunter2" not in str(caught.value)
    assert "joe" not in str(caught.value)


def test_one_kafka_is_known_by_one_server_of_both():
    one = parts("kafka://a:9092,b/x")
    assert one.meets(parts("kafka://c,A/y"))
    assert not one.meets(parts("kafka://c,a:1/y"))
