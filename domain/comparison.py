"""Comparing a server with its class. Pure: hardware as read, class as declared → deviations in a person's words."""

import re
from collections.abc import Iterator

from domain.hardware import ServerHardware
from domain.model import Model
from domain.server_class import AdapterNeed, FirmwareNeed, Requirement, ServerClass


class Deviation(Model):
    """One way in which a server is not what its class says. `kind` is stable; a required deviation stops the server."""

    kind: str
    message: str
    do: str
    required: bool = True


def compare(server: str, hardware: ServerHardware, wanted: ServerClass) -> tuple[Deviation, ...]:
    """Every deviation of a server from its class, worst first. What the BMC could not tell is `unreadable`, never absent hardware."""
    found = (
        *_model(server, hardware, wanted),
        *_processors(server, hardware, wanted),
        *_gpus(server, hardware, wanted),
        *_memory(server, hardware, wanted),
        *_drives(server, hardware, wanted),
        *_adapters(server, hardware, wanted),
        *_security(server, hardware, wanted),
        *_firmware(server, hardware, wanted),
    )
    return tuple(sorted(found, key=lambda deviation: not deviation.required))


def _unreadable(hardware: ServerHardware, word: str) -> bool:
    return any(word.lower() in missing.lower() for missing in hardware.missing)


def _could_not_read(server: str, what: str) -> Deviation:
    return Deviation(
        kind=f"{what.lower().replace(' ', '-')}-unreadable",
        message=f"The BMC of {server} does not tell its {what}, so they could not be compared with the class.",
        do="Update or restart the BMC, then retry; or relax the class if this model never tells.",
    )


def _model(server: str, hardware: ServerHardware, wanted: ServerClass) -> Iterator[Deviation]:
    if wanted.model.lower() not in hardware.model.lower():
        yield Deviation(
            kind="model-mismatch",
            message=f"{server} is a {hardware.manufacturer} {hardware.model}; class {wanted.name} says {wanted.model}.",
            do="Correct the class or the server's place in the declaration.",
        )


def _processors(server: str, hardware: ServerHardware, wanted: ServerClass) -> Iterator[Deviation]:
    if not hardware.processors and _unreadable(hardware, "processor"):
        yield _could_not_read(server, "processors")
        return
    need = wanted.processors
    fit = [
        p
        for p in hardware.processors
        if need.model.lower() in p.model.lower() and need.architecture.lower() in (p.architecture or "").lower()
    ]
    if len(fit) != need.count:
        has = ", ".join(sorted(p.model for p in hardware.processors)) or "none"
        yield Deviation(
            kind="processor-mismatch",
            message=f"{server} has {len(fit)} of {need.count} expected processors {need.model or need.architecture} (it reports: {has}).",
            do="Check the processors and their sockets.",
        )


def _gpus(server: str, hardware: ServerHardware, wanted: ServerClass) -> Iterator[Deviation]:
    if not hardware.gpus and wanted.gpus.count and _unreadable(hardware, "processor"):
        yield _could_not_read(server, "GPUs")
        return
    need = wanted.gpus
    fit = [gpu for gpu in hardware.gpus if need.model.lower() in gpu.model.lower()]
    small = [g for g in fit if need.memory_gib and g.memory_gib is not None and g.memory_gib < need.memory_gib]
    if len(fit) != need.count:
        slots = ", ".join(gpu.slot for gpu in fit) or "none"
        yield Deviation(
            kind="gpu-count",
            message=f"{server} shows {len(fit)} GPU(s) {need.model} and its class needs {need.count} (present: {slots}).".replace(
                "  ", " "
            ),
            do="Reseat or replace the missing GPU and its power cable, then retry."
            if len(fit) < need.count
            else "Correct the class, or take the extra GPU out.",
        )
    others = [gpu for gpu in hardware.gpus if gpu not in fit]
    if others:
        names = ", ".join(f"{gpu.model} in {gpu.slot}" for gpu in others)
        yield Deviation(
            kind="gpu-model",
            message=f"{server} holds {names}, which its class does not name.",
            do="Swap the card or correct the class.",
        )
    for gpu in small:
        yield Deviation(
            kind="gpu-memory",
            message=f"{server}: GPU {gpu.slot} has {gpu.memory_gib:g} GiB, the class needs {need.memory_gib:g} GiB.",
            do="Replace the GPU or correct the class.",
        )


def _memory(server: str, hardware: ServerHardware, wanted: ServerClass) -> Iterator[Deviation]:
    if not hardware.memory and _unreadable(hardware, "memory"):
        yield _could_not_read(server, "memory modules")
        return
    need = wanted.memory
    if hardware.memory_gib < need.at_least_gib:
        yield Deviation(
            kind="memory-size",
            message=f"{server} has {hardware.memory_gib:g} GiB of memory, its class needs {need.at_least_gib:g} GiB.",
            do="Reseat or add memory modules, then retry.",
        )
    if need.modules is not None and len(hardware.memory) != need.modules:
        yield Deviation(
            kind="memory-modules",
            message=f"{server} reports {len(hardware.memory)} memory modules, its class needs {need.modules}.",
            do="Reseat the module whose slot is missing, then retry.",
        )


def _drives(server: str, hardware: ServerHardware, wanted: ServerClass) -> Iterator[Deviation]:
    if not hardware.drives and wanted.drives and (_unreadable(hardware, "drives:") or _unreadable(hardware, "storage")):
        yield _could_not_read(server, "drives")
        return
    free = list(hardware.drives)
    # The pickiest needs choose first, so that a small need never takes a large drive's place.
    for need in sorted(wanted.drives, key=lambda need: -need.at_least_gb):
        fit = [
            d
            for d in free
            if (d.capacity_gb or 0) >= need.at_least_gb
            and (not need.protocol or d.protocol.lower() == need.protocol.lower())
        ][: need.count]
        free = [d for d in free if d not in fit]
        if len(fit) < need.count:
            what = f"{need.protocol} drives of at least {need.at_least_gb:g} GB".strip()
            yield Deviation(
                kind="drive-count",
                message=f"{server} has {len(fit)} of {need.count} {what}.",
                do="Check that every drive is seated and not failed, then retry.",
            )


def _adapters(server: str, hardware: ServerHardware, wanted: ServerClass) -> Iterator[Deviation]:
    present = {adapter.slot: adapter for adapter in hardware.adapters}
    if not present and wanted.adapters and _unreadable(hardware, "network adapter"):
        yield _could_not_read(server, "network adapters")
        return
    for need in wanted.adapters:
        for slot in need.slots:
            adapter = present.get(slot)
            if adapter is None:
                yield Deviation(
                    kind="adapter-missing",
                    message=f"{server} has no {need.model or 'adapter'} in {slot}.",
                    do="Reseat the adapter, then retry.",
                )
                continue
            yield from _adapter(server, slot, need, adapter.model, adapter.mode, len(adapter.ports))


def _adapter(server: str, slot: str, need: AdapterNeed, model: str, mode: str, ports: int) -> Iterator[Deviation]:
    if need.model.lower() not in model.lower():
        yield Deviation(
            kind="adapter-model",
            message=f"{server} holds a {model} in {slot}, its class needs a {need.model}.",
            do="Swap the adapter or correct the class.",
        )
    elif mode != need.mode:
        yield Deviation(
            kind="adapter-mode",
            message=f"{server}: {slot} runs in {mode} mode, its class needs {need.mode} mode.",
            do="Change the adapter's mode and power-cycle the server, then retry.",
        )
    if ports != need.ports:
        yield Deviation(
            kind="adapter-ports",
            message=f"{server}: {slot} shows {ports} ports, its class needs {need.ports}.",
            do="Check the adapter's model and port configuration.",
        )


def _security(server: str, hardware: ServerHardware, wanted: ServerClass) -> Iterator[Deviation]:
    if wanted.secure_boot is not None and hardware.secure_boot is not wanted.secure_boot:
        if hardware.secure_boot is None:
            yield _could_not_read(server, "secure boot state")
        else:
            state = "on" if hardware.secure_boot else "off"
            yield Deviation(
                kind="secure-boot",
                message=f"Secure boot of {server} is {state}; its class needs it {'on' if wanted.secure_boot else 'off'}.",
                do="Change it in the firmware settings, then retry.",
            )
    if wanted.tpm is not None:
        modules = [module for module in hardware.trusted_modules if module.kind == wanted.tpm]
        if not any(module.enabled for module in modules):
            state = "disabled" if modules else "missing"
            yield Deviation(
                kind="tpm", message=f"The {wanted.tpm} of {server} is {state}.", do="Fit or enable it, then retry."
            )


def _firmware(server: str, hardware: ServerHardware, wanted: ServerClass) -> Iterator[Deviation]:
    required = wanted.firmware_deviation is Requirement.REQUIRED
    versions = {entry.component: entry.version for entry in hardware.firmware}
    if wanted.firmware and not versions and _unreadable(hardware, "firmware"):
        yield _could_not_read(server, "firmware versions").model_copy(update={"required": required})
        return
    for need in wanted.firmware:
        version = versions.get(need.component)
        if version is not None and satisfies(version, need):
            continue
        has = f"is {version}" if version is not None else "is not in its inventory"
        yield Deviation(
            kind="firmware",
            message=f"Firmware {need.component} of {server} {has}; the baseline is {need.version}{' or later' if need.or_later else ''}.",
            do="Update the firmware to the baseline.",
            required=required,
        )


def satisfies(version: str, need: FirmwareNeed) -> bool:
    """Whether a version meets a baseline. Numbers compare as numbers, so `1.10` is later than `1.9`."""
    return version == need.version or (need.or_later and _version_key(version) >= _version_key(need.version))


def _version_key(version: str) -> tuple[tuple[int, str], ...]:
    parts = re.findall(r"\d+|[A-Za-z]+", version)
    return tuple((int(part), "") if part.isdigit() else (-1, part.lower()) for part in parts)
