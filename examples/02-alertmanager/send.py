"""Posts recorded notifications as Alertmanager does: python send.py FILE…"""

import json
import sys
import urllib.request
from pathlib import Path

ADDRESS = json.loads(Path(".eventflow/addresses.json").read_text())["public"]
TOKEN = Path("alerts.token").read_text().strip()

for name in sys.argv[1:]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(f"{ADDRESS}/in/alerts", Path(name).read_bytes(), headers)  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        print(f"{name}: {json.load(answer)}")
