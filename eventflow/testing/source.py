"""What every source must hold: inherit `SourceContract` and say how a delivery of yours is made authentic.

class TestShop(SourceContract):
def source(self, secrets):
return Shop(SourceContext("shop", {...}, secrets))

def authentic(self, body, secret):
return Delivery(method="POST", ..., headers={"x-signature": sign(body, secret)}, body=body, received=NOW)
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pytest

from eventflow.errors import Refused
from eventflow.plugin.source import Draft, Pull

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from eventflow.plugin.source import Delivery, Source

NEW, OLD, OTHER = b"new-secret-0123456789abcdef", b"old-secret-0123456789abcdef", b"another-secret-0123456789ab"
STATUSES = {400, 415, 422}


class ReadingContract:
    """What holds for every source: reading is total, and the same delivery is the same events."""

    bodies: ClassVar[Sequence[bytes]] = (b"{}",)
    """Bodies that the source may meet, good and bad; add real deliveries of its sender."""

    def source(self, secrets: Sequence[bytes]) -> Source:
        """A source with these live secrets."""
        raise NotImplementedError

    def authentic(self, body: bytes, secret: bytes) -> Delivery:
        """A delivery of `body` by somebody who holds `secret`."""
        raise NotImplementedError

    def test_any_body_is_read_or_refused(self) -> None:
        """Whatever the bytes: drafts, or a refusal that says why."""
        source = self.source([NEW])
        for body in (*self.bodies, b"", b"\0", b"\xff\xfe", b"[" * 100_000, b'{"a":', b"null", b"0"):
            refusal, drafts = _outcome(source.read, self.authentic(body, NEW))
            if refusal is not None:
                assert refusal.status in STATUSES
                assert refusal.detail
            else:
                assert all(isinstance(draft, Draft) for draft in drafts)
                assert all(draft.type for draft in drafts)

    def test_the_same_delivery_is_the_same_events(self) -> None:
        """Reading twice gives the same identities: a redelivery is no new event."""
        source, delivery = self.source([NEW]), self.authentic(self.bodies[0], NEW)
        one, two = source.read(delivery), source.read(delivery)
        assert [(draft.source, draft.id, draft.type) for draft in one] == [
            (draft.source, draft.id, draft.type) for draft in two
        ]


class SourceContract(ReadingContract):
    """The obligations of `eventflow.plugin.source.Source`, as tests."""

    def test_each_live_secret_opens(self) -> None:
        """Two secrets live while they are changed."""
        source = self.source([NEW, OLD])
        for secret in (NEW, OLD):
            source.verify(self.authentic(self.bodies[0], secret))

    def test_another_secret_does_not_open(self) -> None:
        """Neither one that was never ours nor one that is no longer live."""
        for secret in (OTHER, OLD, NEW[:-1]):
            self._refused(self.source([NEW]), self.authentic(self.bodies[0], secret))

    def test_without_credentials_nobody_gets_in(self) -> None:
        """Absent means refused, header by header."""
        source, delivery = self.source([NEW]), self.authentic(self.bodies[0], NEW)
        self._refused(source, msgspec.structs.replace(delivery, headers={}, query={}))
        needed = 0
        for name in delivery.headers:
            left = {other: value for other, value in delivery.headers.items() if other != name}
            try:
                source.verify(msgspec.structs.replace(delivery, headers=left))
            except Refused:
                needed += 1
        assert needed or delivery.query, "no header of the delivery is needed"

    def test_header_values_that_are_none(self) -> None:
        """Nonsense in any header is refused with 401 and nothing else, or makes no difference."""
        source, delivery = self.source([NEW]), self.authentic(self.bodies[0], NEW)
        for name in delivery.headers:
            for value in ("", " ", "é" * 64, "\udcff", "0" * 10_000, "=,=,", "v1, v1,"):
                changed = msgspec.structs.replace(delivery, headers={**delivery.headers, name: value})
                refusal, _ = _outcome(source.verify, changed)
                assert refusal is None or refusal.status == 401

    def test_no_secret_is_shown(self) -> None:
        """Neither the source nor its refusal repeats a secret."""
        source = self.source([NEW])
        assert NEW.decode() not in repr(source)
        refusal = self._refused(source, self.authentic(self.bodies[0], OTHER))
        for secret in (NEW, OTHER):
            assert secret.decode() not in f"{refusal} {refusal.detail} {refusal.headers}"

    def _refused(self, source: Source, delivery: Delivery) -> Refused:
        with pytest.raises(Refused) as caught:
            source.verify(delivery)
        assert caught.value.status == 401
        return caught.value


class PullContract(ReadingContract):
    """The obligations of `eventflow.plugin.source.Pull`, as tests, over a real other end.

    Say with `feed` how messages get there. `source` is asked several times for the same other end and the same place.
    """

    async def feed(self, bodies: Sequence[bytes]) -> None:
        """Put messages where the source fetches them, in this order."""
        raise NotImplementedError

    def test_nobody_gets_in(self) -> None:
        """There is no door to a source that fetches."""
        source = self.source([NEW])
        with pytest.raises(Refused) as caught:
            source.verify(self.authentic(self.bodies[0], NEW))
        assert caught.value.status == 401

    async def test_what_is_there_is_pulled_once_and_in_order(self) -> None:
        """Also over several pulls of few messages."""
        await self.feed([b'"%d"' % number for number in range(7)])
        async with self._open() as source:
            assert await self._pulled(source, 7, limit=3) == [b'"%d"' % number for number in range(7)]
            assert await source.pull(10, 0.2) == []

    async def test_without_settling_it_comes_again_as_the_same_events(self) -> None:
        """A crash before the log has it loses nothing and makes no new event."""
        await self.feed([b'"a"', b'"b"'])
        found = []
        for _ in range(2):
            async with self._open() as source:
                deliveries: list[Delivery] = []
                while len(deliveries) < 2:
                    deliveries += await source.pull(10, 1.0)
                drafts = [_outcome(source.read, one)[1] for one in deliveries]
                found.append([(one[0].source, one[0].id) if one else None for one in drafts])
        assert found[0] == found[1]

    async def test_what_was_settled_does_not_come_again(self) -> None:
        """Settled is what was pulled before, and nothing more."""
        await self.feed([b'"a"', b'"b"', b'"c"'])
        async with self._open() as source:
            assert await self._pulled(source, 1, limit=1) == [b'"a"']
            await source.settle()
            assert await self._pulled(source, 1, limit=1) == [b'"b"']
        async with self._open() as source:
            assert await self._pulled(source, 2) == [b'"b"', b'"c"']
            await source.settle()
            await source.settle()
        async with self._open() as source:
            assert await source.pull(10, 0.2) == []

    async def test_closing_twice_and_unopened_is_fine(self) -> None:
        """The house closes after every error."""
        source = self.source([NEW])
        assert isinstance(source, Pull)
        await source.close()
        await source.open()
        await source.close()
        await source.close()

    @contextlib.asynccontextmanager
    async def _open(self) -> AsyncIterator[Pull]:
        source = self.source([NEW])
        assert isinstance(source, Pull)
        try:
            await source.open()
            yield source
        finally:
            await source.close()

    async def _pulled(self, source: Pull, count: int, *, limit: int = 100) -> list[bytes]:
        """The bodies of the next `count` messages; no pull gives more than `limit`."""
        found: list[bytes] = []
        while len(found) < count:
            deliveries = await source.pull(min(limit, count - len(found)), 1.0)
            assert len(deliveries) <= limit
            found += [delivery.body for delivery in deliveries]
        return found


def _outcome(call: Callable[[Delivery], Any], delivery: Delivery) -> tuple[Refused | None, Any]:
    """The refusal or the value; anything else that is raised fails the test."""
    try:
        return None, call(delivery)
    except Refused as refusal:
        return refusal, None
