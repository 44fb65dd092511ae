"""``python -m ganlab``: the command line."""

import sys

from ganlab.cli import main

if __name__ == "__main__":
    sys.exit(main())
