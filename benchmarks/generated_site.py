"""A generated virtual site, served for one run of a benchmark, and its onboarding as a person would start it."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import yaml
from temporalio.client import Client

from benchmarks.declared import documents
from benchmarks.system import System
from benchmarks.timeline import Timeline, timeline
from cli.client import ApiClient
from cli.commands.applying import upload
from domain.order import fabric_lock
from lab.virtual import running
from lab.virtual.generate import site_document
from lab.virtual.options import Options

LOOK_EVERY_S = 5.0
ADDRESS_OFFSET = (8 + os.getpid() % 32) * 65536
"""So that a second benchmark, and anybody else's generated site, have other addresses."""


@dataclass(frozen=True)
class GeneratedSite:
    name: str
    servers: int
    racks: int


@contextmanager
def served(system: System, name: str, racks: int, each: int, seed: int) -> Iterator[GeneratedSite]:
    """Serves the site and hands in its declaration and factory passwords; stops the lab at the end."""
    folder = system.home.root / "bench"
    folder.mkdir(exist_ok=True)
    physical, declared = folder / f"{name}.yaml", folder / f"{name}.declaration.yaml"
    document = site_document(racks, each, name=name, seed=seed)
    physical.write_text(yaml.safe_dump(document, sort_keys=False, default_flow_style=None))
    lab, _ = running.start(Options(physical, system.home.root, admin_port=0, address_offset=ADDRESS_OFFSET))
    try:
        system.lab = lab
        ports = lab.redfish_port, lab.nvue_port
        stated = documents(name, racks, each, seed=seed, address_offset=ADDRESS_OFFSET, ports=ports)
        declared.write_text(yaml.safe_dump_all(stated, sort_keys=False))
        api = system.api()
        for what, login in document["logins"].items():
            body = {"username": login["user"], "password": login["password"]}
            api.put(f"/v1/secrets/site/{name}/factory-{what}", body)
        upload(api, [str(declared)])
        yield GeneratedSite(name, racks * each, racks)
    finally:
        system.lab = None
        running.stop(system.home.root, lab)


async def onboard(client: Client, api: ApiClient, site: str) -> Timeline:
    """Applies the declaration and waits for the end without asking for it more often than needed.

    Raises RuntimeError if the operation does not succeed: a rate of failures says nothing.
    """
    operation = await asyncio.to_thread(api.post, f"/v1/sites/{site}/apply", {})
    handle = client.get_workflow_handle(fabric_lock(site))
    while True:
        row = await asyncio.to_thread(api.get, f"/v1/operations/{operation['id']}")
        if row["state"] not in ("accepted", "running"):
            break
        if row["state"] == "running":
            try:
                await asyncio.wait_for(handle.result(), LOOK_EVERY_S)
            except TimeoutError:
                continue
        else:
            await asyncio.sleep(0.2)
    if row["state"] != "succeeded":
        why = row.get("outcome") or row.get("waiting")
        raise RuntimeError(f"onboarding {site} ended as {row['state']}: {why}")
    await handle.result()
    return await timeline(client, handle.id)
