"""FRR of one switch: the routing daemons, run out of an image in the switch's namespace, with the namespaces of its VRFs.

watchfrr starts zebra, bgpd and staticd, and restarts one that dies. A new configuration is taken in by FRR's own reload, which sends
the daemons only what differs.
"""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domain.errors import Transient
from lab.machines import cgroups, tools
from lab.machines.runs import NAMESPACES, Run
from lab.machines.switching.frr import configuration
from lab.virtual.switch.forwarding import Forwarding

STARTS_S = 30.0
VRF_S = 30.0
RELOAD_S = 60.0
_STARTED = "run/frr/watchfrr.started"
_DAEMONS = """bgpd=yes
vtysh_enable=yes
zebra_options="-n -A 127.0.0.1 -s 90000000"
bgpd_options="-A 127.0.0.1"
staticd_options="-A 127.0.0.1"
"""
"""`-n` of zebra: a namespace is a VRF."""


class RouterNotStarted(Transient):
    """FRR of a switch does not run; the message has its last words."""

    kind = "router-not-started"


class Router:
    """One switch's. `image`: the root file system that has FRR. Not for two tasks at once."""

    def __init__(self, run: Run, switch: str, image: Path) -> None:
        self._run, self._switch, self._image = run, switch, image
        self._process: asyncio.subprocess.Process | None = None
        self._configuration = ""
        self._vrfs: dict[str, str] = {}

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def become(self, forwarding: Forwarding, vrfs: Mapping[str, str]) -> None:
        """Runs with the configuration. `vrfs`: the namespace of each, which must be there. Changes nothing where nothing differs."""
        if not self.running:
            await self.stop()
            await self._start(forwarding, vrfs)
            return
        await asyncio.gather(*(self._enter(vrf, vrfs[vrf]) for vrf in vrfs.keys() - self._vrfs.keys()))
        await self._reload(forwarding)
        if leaving := self._vrfs.keys() - vrfs.keys():
            # A VRF can only be forgotten when its namespace is gone, and its namespace must not go while it is used.
            for vrf in leaving:
                await self._leave(vrf)
            await self._reload(forwarding)

    async def stop(self) -> None:
        """Ends it, if it runs. What it put into the kernel stays there."""
        process, self._process = self._process, None
        self._vrfs.clear()
        self._configuration = ""
        if process is not None:
            await asyncio.to_thread(cgroups.remove, self._cgroup)
            await process.wait()

    async def ask(self, question: str) -> Any:
        """The answer to a `show ... json`; nothing if the daemon that knows it does not run."""
        if not self.running:
            return {}
        told = await asyncio.to_thread(tools.attempt, *self._inside, "vtysh", "-c", question)
        try:
            return json.loads(told.stdout)
        except ValueError:
            return {}  # words instead of an answer: the daemon has just died, watchfrr is about to start it again

    # -- its life ------------------------------------------------------------------------------------------------

    async def _start(self, forwarding: Forwarding, vrfs: Mapping[str, str]) -> None:
        for part in ("root", "ram", "conf"):
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        conf = self._folder / "conf"
        (conf / "daemons").write_text(_DAEMONS)
        (conf / "vtysh.conf").write_text("service integrated-vtysh-config\n")
        (conf / "frr.conf").write_text(configuration(self._switch, forwarding))
        groups = cgroups.make(self._cgroup)
        own = {"CGROUPS": ":".join(map(str, groups)), "LOWER": str(self._image), "CONFIG": str(conf)}
        own |= {"ROOT": str(self._folder / "root"), "RAM": str(self._folder / "ram"), "NAME": self._switch}
        own |= {"NETWORK": str(NAMESPACES / self._run.namespace(self._switch))}
        own |= {"VRFS": " ".join(f"{vrf}={NAMESPACES / namespace}" for vrf, namespace in vrfs.items())}
        command = ("unshare", "--mount", "--uts", "sh", tools.script("route.sh"))
        process = await tools.begin(*command, environment=tools.environment(**own), log=self._folder / "log")
        self._process = process
        try:
            async with asyncio.timeout(STARTS_S):
                await self._started(process)
        except TimeoutError:
            await asyncio.to_thread(cgroups.remove, self._cgroup)
            await process.wait()
        if process.returncode is not None:
            said = (self._folder / "log").read_text(errors="replace")[-600:]
            raise RouterNotStarted(f"FRR of {self._switch} does not run (exit code {process.returncode}): {said}")
        self._vrfs = dict(vrfs)
        self._configuration = configuration(self._switch, forwarding, self._vrfs)

    async def _started(self, process: asyncio.subprocess.Process) -> None:
        """Returns when every daemon is up, or it has ended. A file that appears can only be looked for."""
        sign = Path("/proc") / str(process.pid) / "root" / _STARTED
        while process.returncode is None and not sign.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    # -- VRFs ----------------------------------------------------------------------------------------------------

    async def _enter(self, vrf: str, namespace: str) -> None:
        """Shows a namespace to zebra under the VRF's name and waits until it has taken it in."""
        place = self._root / "run/netns" / vrf
        script = f"[ -e {place} ] || : > {place}; mountpoint --quiet {place} || mount --bind /proc/self/ns/net {place}"
        await asyncio.to_thread(tools.run, *self._from(namespace), "sh", "-c", script)
        await self._wait(vrf, there=True)
        self._vrfs[vrf] = namespace

    async def _wait(self, vrf: str, *, there: bool) -> None:
        """zebra looks again every second for what it was told of too early."""
        try:
            async with asyncio.timeout(VRF_S):
                while (vrf in await self._found()) != there:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            what = "did not take in" if there else "did not let go of"
            raise RouterNotStarted(f"FRR of {self._switch} {what} the VRF {vrf}.") from error

    async def _found(self) -> set[str]:
        """VRFs that zebra has a namespace of."""
        told = await asyncio.to_thread(tools.run, *self._inside, "vtysh", "-c", "show vrf")
        return {line.split()[1] for line in told.splitlines() if " netns " in line}

    async def _leave(self, vrf: str) -> None:
        """As `ip netns delete` does it: zebra has the namespace open until it is told that the name is gone."""
        place = self._root / "run/netns" / vrf
        script = f"umount --lazy {place}; rm --force {place}"
        await asyncio.to_thread(tools.run, *self._from(self._vrfs[vrf]), "sh", "-c", script)
        await self._wait(vrf, there=False)
        del self._vrfs[vrf]

    def _from(self, namespace: str) -> list[str]:
        assert self._process is not None
        return ["nsenter", f"--net={NAMESPACES / namespace}", f"--mount=/proc/{self._process.pid}/ns/mnt"]

    async def _reload(self, forwarding: Forwarding) -> None:
        new = configuration(self._switch, forwarding, self._vrfs)
        if new == self._configuration:
            return
        assert self._process is not None
        there = Path(f"/proc/{self._process.pid}/root/etc/frr")
        # A daemon that watchfrr restarts reads the first, as at a start.
        await asyncio.to_thread((there / "frr.conf").write_text, configuration(self._switch, forwarding))
        await asyncio.to_thread((there / "reload.conf").write_text, new)
        reload = ("/usr/lib/frr/frr-reload.py", "--reload", "--stdout", "/etc/frr/reload.conf")
        await asyncio.to_thread(tools.run, *self._inside, *reload, timeout_s=RELOAD_S)
        self._configuration = new

    @property
    def _inside(self) -> list[str]:
        assert self._process is not None
        return ["nsenter", "--target", str(self._process.pid), "--mount", "--uts", "--net", "--root", "--"]

    @property
    def _folder(self) -> Path:
        return self._run.folder / "routers" / self._switch

    @property
    def _root(self) -> Path:
        """As the mount namespace of the daemons has it."""
        return self._folder / "root"

    @property
    def _cgroup(self) -> str:
        return f"{self._run.cgroup}/frr-{self._switch}"
