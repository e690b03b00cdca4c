"""Every built-in detector type against the one contract."""

from eventflow.detectors.adaptive import Adaptive
from eventflow.detectors.threshold import Threshold
from eventflow.testing import DetectorContract


class TestThreshold(DetectorContract):
    type = Threshold

    def config(self):
        return {"above": 500, "clear_above": 400, "below": 1}


class TestAdaptive(DetectorContract):
    type = Adaptive


class TestAdaptiveQuick(DetectorContract):
    """Rates at their other end."""

    type = Adaptive

    def config(self):
        return {"level": 1, "scale": 0.5}
