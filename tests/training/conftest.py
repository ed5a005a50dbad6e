import sys
from pathlib import Path

# loops whose layers are known, of the tests of motion
sys.path.insert(0, str(Path(__file__).parents[1] / "motion"))
