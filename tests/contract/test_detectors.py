"""Every built-in detector type against the one contract."""

from eventflow.detectors.adaptive import Adaptive
from eventflow.detectors.isolation_forest import IsolationForest
from eventflow.detectors.threshold import Threshold
from eventflow.testing import DetectorContract


class TestThreshold(DetectorContract):
    type = Threshold

    def config(self):
        return {"above": 500, "clear_below": 400, "below": 1}


class TestAdaptive(DetectorContract):
    type = Adaptive


class TestAdaptiveQuick(DetectorContract):
    """Rates at their other end."""

    type = Adaptive

    def config(self):
        return {"level": 1, "scale": 0.5}


class TestIsolationForest(DetectorContract):
    type = IsolationForest
    width = 3
    rows = 600

    def config(self):
        return {"trees": 10, "sample": 64, "train": {"min_samples": 40, "retrain_every": 150, "window": 256}}


class TestIsolationForestOfOneFeature(TestIsolationForest):
    width = 1


class TestIsolationForestByTime(TestIsolationForest):
    width = 2
    rows = 400

    def config(self):
        return {"trees": 10, "train": {"min_samples": 40, "retrain_every": "10m", "window": "1h"}}
