"""The lab process of one site: runs in the foreground (`python -m lab.virtual`) or in the background (`edgewright lab up`)."""

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from aiohttp import web

from domain.errors import EdgewrightError, Rejected
from lab.virtual.admin import AdminInterface
from lab.virtual.level import Level, level_of
from lab.virtual.options import ADMIN_PORT, READY, Image, LevelName, Options
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
    state = options.home / "lab" / "sites" / site.site
    level = level_of(options.level, site, state)
    # Opened first: a level may move what listens later away from where people are.
    with _admin_socket(options.admin_port) as admin:
        try:
            level.open()
            world = World(site, state, time_factor=options.time_factor, media_of=level.media_of)
            await _serve(options, world, level, admin, stopped)
        finally:
            await level.stop()


async def _serve(options: Options, world: World, level: Level, admin: socket.socket, stopped: asyncio.Event) -> None:
    server = SiteServer(world, redfish_port=options.redfish_port, nvue_port=options.nvue_port)
    runner = web.AppRunner(AdminInterface(server).app(), access_log=None)
    await runner.setup()
    try:
        await server.start()
        for fault in json.loads(options.faults or "[]"):
            world.faults.seed(fault["kind"], fault["target"], fault.get("arguments"), times=fault.get("times"))
        for machine in world.machines.values():
            if options.stick and machine.kept("stick") is None:
                machine.insert_stick(options.stick)
        await level.start(world)
        await web.SockSite(runner, admin).start()
        told = {"site": world.site.site, "pid": os.getpid(), "admin": "http://{}:{}".format(*admin.getsockname())}
        told |= {"redfish_port": server.redfish_port, "nvue_port": server.nvue_port, **level.told()}
        print(READY + json.dumps(told), flush=True)
        await stopped.wait()
    finally:
        await runner.cleanup()
        await server.stop()
        await level.stop()
        world.close()


def _admin_socket(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise Rejected(
            f"Cannot open the lab's admin interface on 127.0.0.1:{port}: {error.strerror}.",
            do="Choose another port with --admin-port (0 picks a free one).",
        ) from error


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
    parser.add_argument("--level", type=LevelName, default=LevelName.SIM, help="what stands behind the endpoints")
    parser.add_argument("--stick", type=Image, help="image on a USB stick in every server")
    options = Options(**vars(parser.parse_args(arguments)))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(options))
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return 1
    return 0
