"""`python3 -m agent`: serves the ticket of the boot medium, and tells home that it does."""

import json
import sys
import threading
import time
import urllib.request

from agent import inventory, ticket
from agent.api import Server
from agent.ticket import Ticket

_AGAIN_S = 2.0


def main() -> int:
    try:
        given = ticket.read()
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(
            f"The boot medium has no ticket that can be read: {error}. Nobody can speak to this agent.", file=sys.stderr
        )
        return 1
    server = Server(given)
    print(f"agent of {given.server} ({given.serial}), boot {given.boot}, on port {given.port}", flush=True)
    if given.home.startswith(("http://", "https://")):
        threading.Thread(target=phone_home, args=(given,), daemon=True).start()
    server.serve_forever()
    return 0


def phone_home(given: Ticket) -> None:
    """Until somebody has taken it. The token is not sent: whoever listens there may be anybody."""
    while not _told(given):
        time.sleep(_AGAIN_S)


def _told(given: Ticket) -> bool:
    body = {"boot": given.boot, "serial": inventory.identity()["serial"], "port": given.port}
    kind = {"Content-Type": "application/json"}
    request = urllib.request.Request(given.home, json.dumps(body).encode(), kind)  # noqa: S310 (looked at by the caller)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return 200 <= answer.status < 300
    except (OSError, ValueError) as error:
        print(f"{given.home} was not told: {error}", flush=True)
        return False


if __name__ == "__main__":
    sys.exit(main())
