"""Set-up of the console's tests: the browser's factory lies with the report's tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
