"""``python -m lockage.demo.towpath``: the same as the command ``towpath``."""

import sys

from lockage.demo.towpath.cli import main

if __name__ == "__main__":
    sys.exit(main())
