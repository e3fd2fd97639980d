"""`python -m vidmem.cli`: the same as the command `vidmem`."""

from vidmem.cli.app import main

main()
