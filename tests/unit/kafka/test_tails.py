"""Where partitions end: what is read while an answer is on its way is not taken for a topic that was made anew."""

from eventflow.kafka.clock import BrokerClock
from eventflow.kafka.tails import Tails
from eventflow.model.record import Bounds


class Answering:
    """A broker that answers with an end; `meanwhile` happens before the answer arrives."""

    def __init__(self, end):
        self.end, self.meanwhile = end, lambda: None

    async def bounds(self, partitions):
        end = self.end
        self.meanwhile()
        return {partition: Bounds(0, end) for partition in partitions}


async def test_an_answer_that_is_older_than_what_was_read_takes_nothing_back():
    broker = Answering(95)
    tails = Tails(broker, BrokerClock(), lambda partition: ("topic", partition))
    tails.read(0, 90, 1)
    broker.meanwhile = lambda: tails.read(0, 100, 2)
    assert await tails.bounds([0]) == {0: Bounds(0, 95)}
    assert tails.end(0) == 100


async def test_a_log_that_is_shorter_than_it_was_before_the_question_was_made_anew():
    tails = Tails(Answering(5), BrokerClock(), lambda partition: ("topic", partition))
    tails.read(0, 90, 1)
    await tails.bounds([0])
    assert tails.end(0) == 5
