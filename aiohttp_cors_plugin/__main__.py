"""`python -m aiohttp_cors_plugin`."""

import sys

from aiohttp_cors_plugin.cli import main

if __name__ == "__main__":
    sys.exit(main())
