"""BIOS attributes: pending until a reset, through the settings resource (DSP0266, settings resource)."""

from collections.abc import Mapping

from clients.redfish.changing import patch, settled, target_of
from clients.redfish.resource import Resource
from clients.redfish.wire import Wire
from domain.bmc import BmcResourceMissing
from domain.bmc_setup import BiosChange, BiosNotApplied, BiosNotPending, BiosState, BiosUnknown, BiosValue, BiosWaits
from domain.model import Json


class Bios:
    """The BIOS of one system; `path` is its resource, empty if the BMC shows none."""

    def __init__(self, wire: Wire, path: str) -> None:
        self._wire, self._path = wire, path

    def read(self) -> BiosState:
        bios = self._resource()
        settings = self._settings_path(bios)
        pending = attributes_of(self._wire.get(settings)) if settings else {}
        return BiosState(attributes=attributes_of(bios), pending=pending)

    def set(self, wanted: Mapping[str, BiosValue]) -> BiosChange:
        """See `ServerSetup.set_bios`."""
        bios = self._resource()
        now = attributes_of(bios)
        if unknown := sorted(set(wanted) - set(now)):
            raise BiosUnknown(
                f"The BIOS of {self._wire.endpoint} has no attribute {', '.join(unknown)}.",
                do="Correct the server class: attribute names are the vendor's and change between BIOS versions.",
            )
        settings = self._settings_path(bios)
        if not settings:
            raise BiosUnknown(f"{self._wire.endpoint} shows BIOS attributes, and no settings to change them by.")
        later = {**now, **attributes_of(self._wire.get(settings))}
        missing: dict[str, Json] = {name: value for name, value in wanted.items() if later[name] != value}
        if missing:
            answer = patch(self._wire, settings, {"Attributes": missing})
            settled(self._wire, answer, f"the BIOS attributes {', '.join(sorted(missing))}")
            shown = {**now, **attributes_of(self._wire.get(settings))}
            if lost := sorted(name for name in missing if shown[name] != missing[name]):
                raise BiosNotPending(
                    f"{self._wire.endpoint} acknowledged {', '.join(lost)} and does not show it as pending.",
                    do="Nothing to do at first: it is tried again. If it stays, restart the BMC.",
                )
        return BiosChange(
            changed=tuple(sorted(missing)), needs_reset=any(now[name] != value for name, value in wanted.items())
        )

    def require(self, wanted: Mapping[str, BiosValue]) -> None:
        """See `ServerSetup.require_bios`."""
        state = self.read()
        wrong = sorted(name for name, value in wanted.items() if state.attributes.get(name) != value)
        if not wrong:
            return
        told = ", ".join(f"{name} is {state.attributes.get(name)}, wanted {wanted[name]}" for name in wrong)
        if all(state.pending.get(name) == wanted[name] for name in wrong):
            raise BiosWaits(f"BIOS attributes of {self._wire.endpoint} wait for a reset: {told}.", retry_after_s=5.0)
        raise BiosNotApplied(
            f"The BIOS of {self._wire.endpoint} did not take its settings over the reset: {told}.",
            do="Look at the server's screen for a message of the BIOS; then set them again.",
        )

    def reset(self) -> None:
        target = target_of(self._wire, self._resource(), "Bios.ResetBios")
        settled(self._wire, self._wire.send("POST", target, {}), "the reset of the BIOS to its defaults")

    def _resource(self) -> Resource:
        if not self._path:
            raise BiosUnknown(f"{self._wire.endpoint} shows no BIOS.")
        try:
            return self._wire.get(self._path)
        except BmcResourceMissing as error:
            raise BiosUnknown(f"{self._wire.endpoint} shows no BIOS.") from error

    def _settings_path(self, bios: Resource) -> str:
        return bios.inner("@Redfish.Settings").inner("SettingsObject").path


def attributes_of(bios: Resource) -> dict[str, BiosValue | None]:
    return {
        name: value
        for name, value in bios.inner("Attributes").body.items()
        if value is None or isinstance(value, str | int | bool)
    }
