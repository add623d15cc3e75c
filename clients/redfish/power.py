"""Power of a system: read, reset, read back. A BMC's word right after a reset is not always true."""

from clients.redfish.quirks import Quirks
from clients.redfish.resource import Reader, Resource
from clients.redfish.tasks import TaskMonitor
from clients.redfish.wire import Wire
from domain.beat import Beat, no_beat
from domain.bmc import BmcResourceMissing, PowerResult, PowerUnchanged
from domain.hardware import PowerState

_TYPES = {PowerState.ON: ("On", "ForceOn", "PushPowerButton"), PowerState.OFF: ("ForceOff", "PushPowerButton")}
"""Reset types in the order preferred; the button is for the few BMCs that offer nothing else."""

_ON_THE_WAY = {PowerState.ON: PowerState.POWERING_ON, PowerState.OFF: PowerState.POWERING_OFF}
_POLL_S = 1.0


def power_state_of(system: Resource) -> PowerState:
    try:
        return PowerState(system.text("PowerState"))
    except ValueError:
        return PowerState.UNKNOWN


class Power:
    """The power of one system."""

    def __init__(self, wire: Wire, reader: Reader, path: str, quirks: Quirks) -> None:
        self._wire, self._reader, self._path, self._quirks = wire, reader, path, quirks

    def state(self) -> PowerState:
        return power_state_of(self._wire.get(self._path))

    def ensure(self, wanted: PowerState, *, patience_s: float, beat: Beat = no_beat) -> PowerResult:
        """See `Bmc.ensure_power`."""
        system = self._wire.get(self._path)
        before = power_state_of(system)
        if before == wanted:
            return PowerResult(changed=False, before=before, power_state=before)
        waited_s = 0.0
        # On its way already, by a try of ours that was cut off or by somebody's hand: another reset would only disturb it.
        if before != _ON_THE_WAY[wanted]:
            self._reset(system, wanted, patience_s, beat)
        agreed = 0
        while True:
            state = self.state()
            agreed = agreed + 1 if state == wanted else 0
            # Where the old state is known to shine through, one right reading may be followed by a wrong one.
            if agreed >= (2 if self._quirks.power_settle_s else 1):
                return PowerResult(changed=True, before=before, power_state=state)
            beat(f"{state.value}, waiting for {wanted.value}")
            if waited_s >= max(patience_s, self._quirks.power_settle_s):
                raise PowerUnchanged(
                    f"{self._wire.endpoint} still reads {state.value} {waited_s:g} s after it accepted the change to "
                    f"{wanted.value}.",
                    do="It is asked again. If it stays so, look at the server: power supplies, front panel, BMC log.",
                    retry_after_s=_POLL_S * 5,
                )
            self._wire.sleep(_POLL_S)
            waited_s += _POLL_S

    def _reset(self, system: Resource, wanted: PowerState, patience_s: float, beat: Beat) -> None:
        action = system.inner("Actions").inner("#ComputerSystem.Reset")
        target = action.text("target")
        if not target:
            raise BmcResourceMissing(f"{self._wire.endpoint} offers no way to switch its server's power.")
        kind = self._choose(action, wanted)
        what = f"ResetType={kind}"
        answer = self._wire.send("POST", target, {"ResetType": kind})
        if answer.status == 409 and self.state() in (wanted, _ON_THE_WAY[wanted]):
            return  # "already so" comes as a conflict from some
        self._wire.judge(answer, what)
        if task := TaskMonitor.of(self._wire, answer, what):
            task.wait(patience_s, beat=beat)

    def _choose(self, action: Resource, wanted: PowerState) -> str:
        offered = action.texts("ResetType@Redfish.AllowableValues")
        info = action.text("@Redfish.ActionInfo")
        if not offered and info:
            parameters = self._wire.get(info).each("Parameters")
            offered = next((p.texts("AllowableValues") for p in parameters if p.text("Name") == "ResetType"), ())
        if not offered:
            return _TYPES[wanted][0]
        for kind in _TYPES[wanted]:
            if kind in offered:
                return kind
        raise BmcResourceMissing(
            f"{self._wire.endpoint} offers none of the resets {', '.join(_TYPES[wanted])}; it has {', '.join(offered)}."
        )
