"""Command line of the set-up: `python3 -m setup [install|lock]`."""

import sys

if sys.version_info < (3, 8):
    sys.exit("Set-up: this is Python %d.%d; install Python 3.8 or newer." % sys.version_info[:2])

from setup.environment import install
from setup.failure import SetupError
from setup.locks import renew

COMMANDS = {"install": install, "lock": renew}


def main():
    # type: () -> int
    """Run the named command, and report a failure in one sentence."""
    arguments = sys.argv[1:] or ["install"]
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        sys.stderr.write("usage: python3 -m setup [install|lock]\n")
        return 2
    try:
        COMMANDS[arguments[0]]()
    except SetupError as error:
        sys.stderr.write("Set-up: %s\n" % error)
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Set-up: interrupted; the next call repairs what is half done.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
