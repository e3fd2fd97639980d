import sys
from pathlib import Path

sys.path.insert(0, str(Path(workflow.basedir) / "src"))

from vidmem.plan import plan_or_exit, share_library, writable_or_exit

share_library()  # jobs import the checkout's library, whichever environment they run in
PLAN = plan_or_exit(config)


# Not while parsing: a finished audit may lie where nothing can be written, and be listed or reported from there.
onstart:
    writable_or_exit(f"results/{PLAN.name}")


wildcard_constraints:
    audit=PLAN.name,
    model=PLAN.pattern(PLAN.models, branches=True),
    chunk=r"[a-z-]+-\d\d\d+",
    side="|".join(PLAN.sides),
