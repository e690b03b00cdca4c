"""Log lines of a kind are limited, and what was left out is said."""

import logging

from eventflow import ports
from eventflow.kafka.taming import LogLimit
from eventflow.testing.bus import MovedClock


def test_one_line_of_a_kind_passes_and_the_rest_is_counted():
    with ports.use(MovedClock()) as world:
        limit = LogLimit()

        def said(text, *args):
            line = logging.LogRecord("aiokafka", logging.ERROR, "", 0, text, args, None)
            return line.getMessage() if limit.filter(line) else None

        assert [said("no leader for %s", n) is not None for n in range(1000)].count(True) == 1
        assert said("something else") == "something else"
        world.moved += 61 * ports.SECOND
        again = said("no leader for %s", 7)
        assert again.startswith("no leader for 7 (and 999 more of this kind in 61 s)")
        assert said("no leader for %s", 8) is None
