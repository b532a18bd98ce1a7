"""`python -m briefbot`: the command line."""

from briefbot.cli import main

main()
