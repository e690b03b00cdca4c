from eventflow.testing import DetectorContract

from eventflow_template.detectors import Stuck


class TestStuck(DetectorContract):
    type = Stuck


class TestStuckWithTolerance(DetectorContract):
    type = Stuck

    def config(self):
        return {"tolerance": 0.05}


def test_the_longer_it_stands_still_the_stranger():
    stuck = Stuck(Stuck.Config())
    assert [stuck.update(value) for value in (1.0, 2.0, 3.0, 3.0, 3.0, 4.0)] == [0, 0, 0, 1, 2, 0]
