"""The command `vidmem`, for what is no workflow: begin a config, check it, compare two videos, search an audit, look.

On the roof: it may import every stage, and nothing imports it but the package's front door (`vidmem.compare`), which
does so when it is first asked. Each command is a function of plain data that a script can call; `app` only asks and
tells. Commands import what they need when they run, so that `--help` and completion answer at once.
"""
