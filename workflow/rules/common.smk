import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from vidmem.plan import plan_or_exit, share_library

share_library()  # jobs import the checkout's library, whichever environment they run in
PLAN = plan_or_exit(config)


wildcard_constraints:
    audit=PLAN.name,
    model=PLAN.pattern(PLAN.models, branches=True),
    chunk=r"[a-z-]+-\d\d\d+",
    side="|".join(PLAN.sides),
