"""What stands below the help of each command: examples, and what its exit codes mean."""

from __future__ import annotations

ALL = """To begin with:
$ vidmem init                             # asks, and writes config/mine.yaml
$ vidmem check config/mine.yaml           # what would run, and what it takes
$ snakemake --cores 8 --configfile config/mine.yaml
$ vidmem open results/mine                # the report

Every command has examples of its own: vidmem compare --help. All pages: docs/README.md.

""" + (
    "Exit codes: 0 done; 1 what was given can't be used (one line says why); 2 the command line is wrong; "
    "3 something that the audit needs is missing (check); 130 stopped by Ctrl-C."
)

OF = {
    "init": """Examples:
$ vidmem init                             # asks
$ vidmem init --name mine --corpus /data/clips --videos theirs=/data/made
$ vidmem init --corpus /data/clips --heldout /data/unseen --model wan2.1-t2v-1.3b
$ vidmem init --corpus /data/clips --out - | less""",
    "check": """Examples:
$ vidmem check config/mine.yaml
$ vidmem check config/mine.yaml --no-jobs # without the dry run: at once
$ vidmem check config/mine.yaml --json | jq .gpu_hours

"""
    + (
        "Exit codes: 1 the config is wrong, with the one line that says where; 3 it is right, and something that it "
        "needs is not here."
    ),
    "compare": """Examples:
$ vidmem compare generated.mp4 training.mp4
$ vidmem compare generated.mp4 training.mp4 --out pair.png
$ vidmem compare generated.mp4 frame.jpg --audit results/demo --model planted
$ vidmem compare generated.mp4 training.mp4 --json | jq .content.gsscd_max""",
    "search": """Examples:
$ vidmem search results/demo query.mp4
$ vidmem search results/demo query.mp4 --top 3 --out found.png
$ vidmem search results/demo query.mp4 --json | jq -r '.content[0].item_id'""",
    "open": """Examples:
$ vidmem open results/demo                # prints the address; Ctrl-C ends it
$ vidmem open results/demo --browser
$ vidmem open results/demo --port 8000    # one that a tunnel knows""",
}
