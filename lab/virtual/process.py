"""The lab process of one site: runs in the foreground (`python -m lab.virtual`) or in the background (`edgewright lab up`)."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from domain.errors import EdgewrightError, Rejected
from lab.virtual.admin import AdminInterface
from lab.virtual.server import SiteServer
from lab.virtual.sitefile import load
from lab.virtual.world import World

ADMIN_PORT = 8704
READY = "ready "


@dataclass(frozen=True)
class Options:
    """How a site is served. `home`: EDGEWRIGHT_HOME; the site's state lies in `home/lab/sites/NAME`."""

    site_file: Path
    home: Path
    admin_port: int = ADMIN_PORT
    address_offset: int = 0
    time_factor: float = 1.0
    redfish_port: int | None = None
    nvue_port: int | None = None
    faults: str = ""

    def arguments(self) -> list[str]:
        """The same as command-line arguments."""
        given = [str(self.site_file), "--home", str(self.home), "--admin-port", str(self.admin_port)]
        given += ["--address-offset", str(self.address_offset), "--time-factor", str(self.time_factor)]
        if self.redfish_port is not None:
            given += ["--redfish-port", str(self.redfish_port)]
        if self.nvue_port is not None:
            given += ["--nvue-port", str(self.nvue_port)]
        return [*given, "--faults", self.faults] if self.faults else given


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
