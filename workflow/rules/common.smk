import os
import sys
from pathlib import Path

# The library is used from the checkout, in every rule's environment, so that no environment has to install it.
SOURCE = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCE)
os.environ["PYTHONPATH"] = os.pathsep.join(
    [SOURCE, *filter(None, [os.environ.get("PYTHONPATH")])]
)

from vidmem.plan import plan_or_exit

PLAN = plan_or_exit(config)


wildcard_constraints:
    audit=PLAN.name,
    model="|".join(PLAN.models),
    chunk=r"[a-z-]+-\d{3,}",
    side="|".join(PLAN.sides),
