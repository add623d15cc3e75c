"""`python -m lab.virtual SITEFILE --home DIR`: serves a virtual edge site in the foreground."""

import sys

from lab.virtual.process import main

if __name__ == "__main__":
    sys.exit(main())
