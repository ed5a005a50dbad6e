"""Run a command and print the processor time of it and its children."""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys


def main() -> int:
    """Run the command that the arguments are; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="Command to run.")
    command = parser.parse_args().command
    if not command:
        parser.error("name a command to run")
    code = subprocess.run(command, check=False).returncode
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = used.ru_utime + used.ru_stime
    print(f"processor time: {total:.0f} s ({total / 60:.1f} min)", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
