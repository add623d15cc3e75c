"""The lab process of one site: runs in the foreground (`python -m lab.virtual`) or in the background (`edgewright lab up`)."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from domain.errors import EdgewrightError, Rejected
from lab.virtual.admin import AdminInterface
from lab.virtual.options import ADMIN_PORT, READY, Options
from lab.virtual.server import SiteServer
from lab.virtual.sitefile import load
from lab.virtual.world import World


async def serve(options: Options) -> None:
    """Serves until SIGTERM or SIGINT. Prints one line, `ready {json}`, when every device answers."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    site = load(options.site_file, address_offset=options.address_offset)
    world = World(site, options.home / "lab" / "sites" / site.site, time_factor=options.time_factor)
    server = SiteServer(world, redfish_port=options.redfish_port, nvue_port=options.nvue_port)
    runner = web.AppRunner(AdminInterface(server).app(), access_log=None)
    await runner.setup()
    try:
        await server.start()
        for fault in json.loads(options.faults or "[]"):
            world.faults.seed(fault["kind"], fault["target"], fault.get("arguments"), times=fault.get("times"))
        admin_port = await _start_admin(runner, options.admin_port)
        told = {"site": site.site, "pid": os.getpid(), "admin": f"http://127.0.0.1:{admin_port}"}
        told |= {"redfish_port": server.redfish_port, "nvue_port": server.nvue_port}
        print(READY + json.dumps(told), flush=True)
        await stopped.wait()
    finally:
        await runner.cleanup()
        await server.stop()
        world.close()


async def _start_admin(runner: web.AppRunner, port: int) -> int:
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        raise Rejected(
            f"Cannot open the lab's admin interface on 127.0.0.1:{port}: {error.strerror}.",
            do="Choose another port with --admin-port (0 picks a free one).",
        ) from error
    return int(runner.addresses[0][1])


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 after a signal, 1 if the site could not be served; the message says why."""
    parser = argparse.ArgumentParser(prog="python -m lab.virtual", description="Serves a virtual edge site.")
    parser.add_argument("site_file", type=Path)
    parser.add_argument(
        "--home", type=Path, default=Path(os.environ.get("EDGEWRIGHT_HOME") or "~/.edgewright").expanduser()
    )
    parser.add_argument("--admin-port", type=int, default=ADMIN_PORT)
    parser.add_argument("--address-offset", type=int, default=0, help="added to every device address")
    parser.add_argument("--time-factor", type=float, default=1.0, help="lab seconds per real second")
    parser.add_argument("--redfish-port", type=int)
    parser.add_argument("--nvue-port", type=int)
    parser.add_argument("--faults", default="", help="JSON list of faults to seed at the start")
    options = Options(**vars(parser.parse_args(arguments)))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(options))
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
