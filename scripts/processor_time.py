"""Run a command and print the processor time of it and its children."""

from __future__ import annotations

import resource
import subprocess
import sys


def main() -> int:
    """Run the command that the arguments are; return its exit code."""
    code = subprocess.run(sys.argv[1:], check=False).returncode
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = used.ru_utime + used.ru_stime
    print(f"processor time: {total:.0f} s ({total / 60:.1f} min)", flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
