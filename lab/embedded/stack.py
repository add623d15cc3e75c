"""All services of one state folder: what depends on what, everything up at once, everything down in turn."""

import sys
import threading
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum

from domain.errors import EdgewrightError, Rejected
from domain.model import Model
from lab.embedded import netbox, postgres, processes, product, settings, temporal, valkey
from lab.embedded.home import Home
from lab.embedded.ports import Ports
from lab.embedded.progress import Progress, Silent, Step
from lab.embedded.runner import Interrupted, Runner
from lab.embedded.secret_files import SecretFiles
from lab.embedded.service import Service, ServiceFailed


class NoSuchService(Rejected):
    """Nothing of that name is part of the stack."""

    kind = "no-such-service"


class PlatformUnsupported(Rejected):
    """The embedded services need Linux (processes are recognised by /proc) and Python 3.12."""

    kind = "platform-unsupported"


class State(StrEnum):
    READY = "ready"
    UNREADY = "unready"
    DOWN = "down"
    CRASHED = "crashed"


class ServiceStatus(Model):
    """One row of `edgewright status`. Sizes in bytes, over all processes of the service."""

    name: str
    title: str
    state: State
    pid: int | None = None
    since: datetime | None = None
    rss: int = 0
    pss: int = 0
    url: str = ""
    log: str = ""


class Stack:
    """The services of one home. Holds no state of its own: another process may make the same Stack and go on."""

    def __init__(
        self,
        home: Home,
        ports: Ports | None = None,
        progress: Progress | None = None,
        services: Callable[[Home, Ports], list[Service]] | None = None,
    ) -> None:
        """By default with the ports that the home chose, silent, and with all services that `edgewright up` starts."""
        self.home = home
        self._ports = ports
        self._listed = services or all_services
        self._progress = progress or Silent()
        self._stop = threading.Event()

    @property
    def ports(self) -> Ports:
        """Those given, else what environment and ports file choose."""
        if self._ports is None:
            self._ports = Ports.chosen(self.home.ports_file)
        return self._ports

    def services(self) -> dict[str, Service]:
        """By name, in an order in which nothing comes before what it depends on."""
        return {service.name: service for service in self._listed(self.home, self.ports)}

    def environment(self) -> dict[str, str]:
        """What the product's processes are given."""
        return settings.product_environment(self.home, self.ports)

    def up(self, only: Collection[str] = ()) -> list[str]:
        """Brings the services (or the named ones and what they depend on) to ready; what runs already is left alone.

        Returns:
            Services that were left out, because this installation has no command for them.

        Raises:
            PortTaken: before anything is started.
            ServiceFailed: after everything that could start has started; names each service that did not.
        """
        require_platform()
        self.home.prepare()
        with self.home.locked():
            SecretFiles(self.home.secrets).ensure_all()
            wanted = _with_dependencies(self.services(), only)
            absent = self._leave_out_absent(wanted)
            runners = {name: Runner(self.home, s, self._progress, self._stop) for name, s in wanted.items()}
            for name, service in wanted.items():
                self._progress.step(service.title, Step.WAITING)
                runners[name].clear_way()
            self.home.ports_file.write_text(self.ports.written())  # so that the next command finds what this one chose
            settings.write(self.home, self.environment())
            self._start_all(wanted, runners)
        return absent

    def down(self) -> None:
        """Ends every service, dependants first, and removes sockets and pid files. Nothing to end is fine.

        Goes by the pid files: needs neither ports nor any other configuration to be right.
        """
        if not self.home.run.exists():
            return
        with self.home.locked():
            left = {service.name: service for service in self._listed(self.home, Ports())}
            while left:
                # Whatever nobody still needs may end at the same time.
                needed = {dependency for service in left.values() for dependency in service.needs}
                leaves = [left.pop(name) for name in list(left) if name not in needed]
                with ThreadPoolExecutor(len(leaves)) as pool:
                    list(pool.map(lambda service: Runner(self.home, service, self._progress).stop(), leaves))
            self.home.drop_sockets()

    def status(self) -> list[ServiceStatus]:
        """Of every service that runs to stay; asks each whether it is ready."""
        services = [service for service in self.services().values() if not service.once]
        with ThreadPoolExecutor(len(services)) as pool:
            return list(pool.map(self._status_of, services))

    def _status_of(self, service: Service) -> ServiceStatus:
        runner = Runner(self.home, service, self._progress)
        described = ServiceStatus(
            name=service.name,
            title=service.title,
            state=State.DOWN,
            url=service.url,
            log=str(self.home.log_of(service.name)),
        )
        record = runner.record()
        if record is None:
            return described
        if runner.running() is None:
            return described.model_copy(update={"state": State.CRASHED})
        memory = processes.memory(runner.members())
        return described.model_copy(
            update={
                "state": State.READY if runner.is_ready() else State.UNREADY,
                "pid": record.pid,
                "since": datetime.fromtimestamp(record.started_at, UTC),
                "rss": memory.rss,
                "pss": memory.pss,
            }
        )

    def _leave_out_absent(self, wanted: dict[str, Service]) -> list[str]:
        """The product's commands are packages of their own; an installation may lack one."""
        commands = {"bootstrap": "bootstrap", "worker": "worker", "api": "serve"}
        if not commands.keys() & wanted.keys():
            return []
        known = product.registered_commands()
        absent = [name for name, command in commands.items() if name in wanted and command not in known]
        for name in absent:
            title = wanted.pop(name).title
            self._progress.step(title, Step.SKIPPED, f"this installation has no command `edgewright {commands[name]}`")
        return absent

    def _start_all(self, wanted: dict[str, Service], runners: dict[str, Runner]) -> None:
        """Each service in a thread of its own, which first waits for those it depends on."""
        futures: dict[str, Future[None]] = {}
        passed = {name for name, service in wanted.items() if service.once and runners[name].succeeded_before()}

        def bring_up(name: str) -> None:
            for dependency in wanted[name].depends_on:
                # A command that succeeded before is run again, but nobody has to wait for it.
                if dependency in futures and dependency not in passed and futures[dependency].exception():
                    raise _NotTried(dependency)
            awaited = {each: futures[each] for each in wanted[name].waits_itself_for if each in futures}
            for future in awaited.values():
                future.add_done_callback(lambda done: runners[name].stop() if done.exception() else None)
            try:
                runners[name].up()
            except ServiceFailed:
                for each, future in awaited.items():
                    if future.done() and future.exception():
                        raise _NotTried(each) from None
                raise

        with ThreadPoolExecutor(len(wanted) or 1) as pool:
            for name in wanted:  # in order: a dependency is always submitted before its dependants
                futures[name] = pool.submit(bring_up, name)
            try:
                failures = {name: future.exception() for name, future in futures.items()}
            except KeyboardInterrupt:
                self._stop.set()
                raise Interrupted(
                    "Stopped while services were starting.", do="Go on: edgewright up; stop everything: edgewright down"
                ) from None
        self._report({name: failure for name, failure in failures.items() if failure}, wanted)

    def _report(self, failures: dict[str, BaseException], wanted: dict[str, Service]) -> None:
        told: list[str] = []
        for name, failure in failures.items():
            detail = f"waits for {failure}" if isinstance(failure, _NotTried) else "see below"
            self._progress.step(wanted[name].title, Step.FAILED, detail)
            if isinstance(failure, EdgewrightError):
                told.append(str(failure))
            elif not isinstance(failure, _NotTried):
                told.append(f"{wanted[name].title}: {type(failure).__name__}: {failure}")
        if told:
            raise ServiceFailed("\n\n".join(told))


class _NotTried(Exception):
    """A service was not started because one it depends on failed."""


def require_platform(version: tuple[int, ...] = sys.version_info[:2], platform: str = sys.platform) -> None:
    """Raises PlatformUnsupported with what to do about it."""
    if version < (3, 12):
        raise PlatformUnsupported(
            f"Edgewright needs Python 3.12 or newer (NetBox 4.7 does); this is {'.'.join(map(str, version))}.",
            do="Run: make setup (it looks for one), or name one: EDGEWRIGHT_PYTHON=/path/to/python3.13 make setup",
        )
    if not platform.startswith("linux"):
        raise PlatformUnsupported(
            f"The embedded services run on Linux only, not on {platform}.", do="Use a Linux machine."
        )


def all_services(home: Home, ports: Ports) -> list[Service]:
    """In an order in which nothing comes before what it depends on."""
    return [
        postgres.service(home),
        valkey.service(home, ports),
        temporal.service(home, ports),
        netbox.service(home, ports),
        *product.services(home, ports),
    ]


def _with_dependencies(services: dict[str, Service], only: Iterable[str]) -> dict[str, Service]:
    """The named services and everything below them, in the order of `services`; all, if none is named."""
    needed, rest = set[str](), list(only)
    while rest:
        name = rest.pop()
        if name not in services:
            raise NoSuchService(f"There is no service {name!r}.", do=f"Services: {', '.join(services)}")
        needed.add(name)
        rest += services[name].needs
    return {name: service for name, service in services.items() if not needed or name in needed}
