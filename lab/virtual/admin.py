"""The lab's own HTTP interface on loopback: hands and eyes at the virtual site. No part of any device's protocol.

Faults, power cords, load, and what each device logged about itself. It changes nothing that a person standing at the
rack could not change.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from domain.errors import EdgewrightError
from lab.virtual.faults import FaultUnknown
from lab.virtual.options import POWER_ACTIONS, Image
from lab.virtual.server import SiteServer

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SeedFault(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: str
    target: str
    arguments: dict[str, Any] = {}
    times: int | None = None


class PowerOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    action: str


class WriteOrder(BaseModel):
    drive: str
    content: str


class StickOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    image: Image | None


class LoadOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    load: float


class AdminInterface:
    """Answers JSON; errors are `{"error": message}` with 400 or 404."""

    def __init__(self, site: SiteServer) -> None:
        self._site, self._world = site, site.world

    def app(self) -> web.Application:
        app = web.Application(middlewares=[_errors_as_json])
        app.router.add_get("/", self.summary)
        app.router.add_get("/devices", self.devices)
        app.router.add_get("/devices/{name}", self.device)
        app.router.add_get("/devices/{name}/log", self.log)
        app.router.add_post("/devices/{name}/power", self.power)
        app.router.add_post("/devices/{name}/load", self.load)
        app.router.add_post("/devices/{name}/write", self.write)
        app.router.add_post("/devices/{name}/stick", self.stick)
        app.router.add_get("/faults", self.faults)
        app.router.add_get("/faults/kinds", self.fault_kinds)
        app.router.add_post("/faults", self.seed)
        app.router.add_delete("/faults", self.mend_all)
        app.router.add_delete("/faults/{id}", self.mend)
        app.router.add_get("/cables", self.cables)
        app.router.add_get("/factory-ca.pem", self.factory_ca)
        return app

    async def summary(self, _request: web.Request) -> web.Response:
        world = self._world
        return web.json_response(
            {
                "site": world.site.site,
                "servers": len(world.machines),
                "switches": len(world.switches),
                "redfish_port": self._site.redfish_port,
                "nvue_port": self._site.nvue_port,
                "time": world.clock.stamp(),
                "time_factor": world.clock.factor,
                "faults": len(world.faults.active()),
            }
        )

    async def devices(self, _request: web.Request) -> web.Response:
        return web.json_response([self._shown(name) for name in self._site.endpoints])

    async def device(self, request: web.Request) -> web.Response:
        return web.json_response(self._shown(self._name(request)))

    def _shown(self, name: str) -> dict[str, Any]:
        endpoint = self._site.endpoints[name]
        shown: dict[str, Any] = {
            "name": name,
            "url": endpoint.url,
            "listening": endpoint.listener.listening,
            "requests": self._world.log.request_count(name),
            "faults": [f.kind for f in self._world.faults.active() if f.target == name],
        }
        if machine := self._world.machines.get(name):
            shown |= {
                "kind": "server",
                "serial": machine.spec.serial,
                "model": machine.model.model,
                "power": machine.power.state if machine.mains else "no mains",
                "boots": machine.power.boots,
                "stick": machine.stick,
                "power_w": machine.power_w,
                "energy_kwh": round(machine.energy_kwh, 6),
                "gpus": len(machine.parts.gpus),
                "booted": machine.booted,
                "drives": [
                    {"name": d.name, "serial": d.serial, "content": machine.drives.media.content(d.serial)}
                    for d in machine.parts.drives
                ],
                "accounts": [
                    {k: a[k] for k in ("user", "role", "failures", "enabled")}
                    | {"locked": self._site.bmcs[name].accounts.locked(a)}
                    for a in self._site.bmcs[name].accounts.all().values()
                ],
            }
        elif system := self._world.site.system_by_name.get(name):
            shown |= {"kind": "system", "model": system.kind}
        else:
            body = self._world.switches[name]
            shown |= {"kind": "switch", "serial": body.spec.serial, "model": body.spec.model, "role": body.spec.role}
        return shown

    async def log(self, request: web.Request) -> web.Response:
        """`changes`: what changed in the device, kept for ever; `requests`: the last requests since the lab started."""
        name, after = self._name(request), int(request.query.get("after", 0))
        log = self._world.log
        return web.json_response({"changes": log.changes(name, after), "requests": log.requests(name)})

    async def power(self, request: web.Request) -> web.Response:
        name = self._name(request)
        machine = self._world.machines.get(name)
        if machine is None:
            raise FaultUnknown(f"{name} is no server; its power is not the lab's to switch here.")
        action = PowerOrder.model_validate(await request.json()).action
        match action:
            case "push":
                machine.press("PushPowerButton", "hand")
            case "on":
                machine.press("On", "hand")
            case "off":
                machine.press("ForceOff", "hand")
            case "pull" | "plug":
                machine.set_mains(action == "plug")
            case "restart-bmc":
                self._site.bmcs[name].restart("hand")
            case "kill-bmc":
                self._site.bmcs[name].kill("hand")
            case "start-bmc":
                self._site.bmcs[name].start("hand")
            case _:
                raise FaultUnknown(f"There is no power action {action}; there are {', '.join(POWER_ACTIONS)}.")
        return web.json_response(self._shown(name))

    async def load(self, request: web.Request) -> web.Response:
        name = self._name(request)
        if machine := self._world.machines.get(name):
            machine.set_load(LoadOrder.model_validate(await request.json()).load)
        return web.json_response(self._shown(name))

    async def write(self, request: web.Request) -> web.Response:
        """Something is written to a drive, as the server's operating system would."""
        name, order = self._name(request), WriteOrder.model_validate(await request.json())
        machine = self._world.machines.get(name)
        drive = next((d for d in machine.parts.drives if d.name == order.drive), None) if machine else None
        if machine is None or drive is None:
            raise FaultUnknown(f"{name} has no drive {order.drive}.")
        machine.drives.media.write(drive.serial, order.content)
        return web.json_response(self._shown(name))

    async def stick(self, request: web.Request) -> web.Response:
        name = self._name(request)
        if machine := self._world.machines.get(name):
            machine.insert_stick(StickOrder.model_validate(await request.json()).image)
        return web.json_response(self._shown(name))

    async def faults(self, _request: web.Request) -> web.Response:
        return web.json_response([fault.model_dump() for fault in self._world.faults.active()])

    async def fault_kinds(self, _request: web.Request) -> web.Response:
        return web.json_response([kind.model_dump() for kind in self._world.faults.kinds()])

    async def seed(self, request: web.Request) -> web.Response:
        order = SeedFault.model_validate(await request.json())
        fault = self._world.faults.seed(order.kind, order.target, order.arguments, times=order.times)
        return web.json_response(fault.model_dump(), status=201)

    async def mend(self, request: web.Request) -> web.Response:
        return web.json_response(self._world.faults.mend(request.match_info["id"]).model_dump())

    async def mend_all(self, request: web.Request) -> web.Response:
        mended = self._world.faults.mend_all(request.query.get("target"), request.query.get("kind"))
        return web.json_response([fault.model_dump() for fault in mended])

    async def cables(self, _request: web.Request) -> web.Response:
        return web.json_response(
            [
                {"a": str(a), "b": str(plugged.peer), "plane": plugged.plane, "rate_gbps": plugged.rate_gbps}
                for a, plugged in sorted(self._world.cabling.all())
            ]
        )

    async def factory_ca(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._site.certificates.factory_ca(), content_type="application/x-pem-file")

    def _name(self, request: web.Request) -> str:
        name = request.match_info["name"]
        if name not in self._site.endpoints:
            raise web.HTTPNotFound(reason=f"no device {name}")
        return name


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.json_response({"error": error.reason}, status=error.status)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        return web.json_response({"error": "; ".join(problems)}, status=400)
    except (json.JSONDecodeError, ValueError) as error:
        return web.json_response({"error": str(error)}, status=400)
    except EdgewrightError as error:
        return web.json_response({"error": str(error)}, status=400)
