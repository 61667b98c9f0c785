"""The command line: `coupled`. Everything it changes, it changes through the control topic (DESIGN 6)."""

import sys


def main() -> None:
    """Runs the command; one clear error and the exit code of DESIGN 6 if it cannot."""
    from daemon.cli.app import app
    from schemas.errors import CoupledError
    from schemas.visible import visible

    try:
        app()
    except CoupledError as error:
        print(f"coupled: {visible(error.problem.message, keep=chr(10))}", file=sys.stderr)
        if error.problem.hint:
            print(f"  → {error.problem.hint}", file=sys.stderr)
        sys.exit(error.exit)
