"""What every detector type must hold: inherit `DetectorContract` and say which type, and with which config.

    class TestMine(DetectorContract):
        type = Mine

        def config(self):
            return {"rate": 0.5}

Needs pytest.
"""

from __future__ import annotations

from eventflow.testing.detector.suite import DetectorContract

__all__ = ["DetectorContract"]
