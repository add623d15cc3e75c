"""A declared site with servers, switches, systems and cables, and what onboarding would have seen of it."""

from domain.hardware import (
    BmcIdentity,
    Drive,
    FirmwareVersion,
    Gpu,
    MemoryModule,
    NetworkAdapter,
    NicMode,
    NicPort,
    Processor,
    ServerHardware,
    TrustedModule,
)
from domain.lifecycle import Lifecycle
from domain.recording_facts import DeviceFacts, PortFacts, ServerFacts, SiteFacts
from domain.server_class import AdapterNeed, DriveNeed, GpuNeed, MemoryNeed, ProcessorNeed, ServerClass
from domain.site import SiteDeclaration

OPERATION = "op-test"


def server_class(gpus: int = 2) -> ServerClass:
    return ServerClass(
        name="mgx-h100",
        manufacturer="NVIDIA",
        model="MGX H100",
        height_u=1,
        processors=ProcessorNeed(count=2),
        gpus=GpuNeed(count=gpus),
        memory=MemoryNeed(at_least_gib=512),
        drives=(DriveNeed(count=2, at_least_gb=1900),),
        adapters=(AdapterNeed(slots=("dpu0",), model="BlueField-3", mode=NicMode.DPU, ports=2),),
    )


def declaration(
    site: str = "oslo-1", servers: int = 3, *, number: int = 1, racks: int = 1, region: str = "nordic"
) -> SiteDeclaration:
    """`number` tells the out-of-band networks and MAC addresses of several sites apart."""
    per_rack = -(-servers // racks)
    names = [(f"r{1 + i // per_rack}", f"r{1 + i // per_rack}-s{1 + i % per_rack:02d}", i) for i in range(servers)]
    return SiteDeclaration.model_validate(
        {
            "name": site,
            "title": f"Site {site}",
            "region": {"name": region, "title": f"Region {region}"},
            "location": {"address": "Storgata 1", "jurisdiction": "NO", "latitude": 59.9139, "longitude": 10.7522},
            "tier": "edge",
            "wan": {"bandwidth_mbps": 10000, "latency_ms": 4.5},
            "power_cap_w": 20000,
            "out_of_band": {"ranges": [f"10.{number}.0.0/22"], "trust": {"first_use": True}},
            "credentials": {"bmc": "factory/bmc"},
            "racks": [{"name": f"r{rack + 1}", "height_u": 48} for rack in range(racks)],
            "servers": [
                {
                    "name": name,
                    "class": "mgx-h100",
                    "rack": rack,
                    "unit": 1 + i % per_rack,
                    "bmc_address": address(number, i),
                    "factory_new": {"by": "installer", "on": "2026-11-01", "reference": "po-1"},
                }
                for rack, name, i in names
            ],
            "switches": [
                {
                    "name": f"leaf-{side}",
                    "role": "leaf",
                    "plane": "north-south",
                    "rack": "r1",
                    "unit": 47 + at,
                    "model": "SN5600",
                    "address": f"10.{number}.3.{10 + at}",
                    "asn": 4200000000 + number,
                }
                for at, side in enumerate("ab")
            ],
            "systems": [
                {"name": "storage-1", "kind": "storage", "owner": "local-it", "manufacturer": "VAST", "model": "Ceres"},
                {"name": "gateway-1", "kind": "gateway", "owner": "ours", "address": f"10.{number}.3.20"},
            ],
            "cables": [
                {
                    "a": {"device": name, "port": f"dpu0-p{side}"},
                    "b": {"device": f"leaf-{'ab'[side]}", "port": f"swp{1 + i}"},
                    "plane": "north-south",
                    "speed_gbps": 200,
                }
                for _, name, i in names
                for side in (0, 1)
            ],
            "underlay": {"loopbacks": f"10.{number}.128.0/24", "asns": "4200000000-4200000100"},
            "public_ranges": [f"203.0.{number % 256}.0/28"],
        }
    )


def address(number: int, i: int) -> str:
    return f"10.{number}.{i // 200}.{10 + i % 200}"


def mac(number: int, i: int, port: int) -> str:
    return f"02:{number % 256:02x}:{i // 256:02x}:{i % 256:02x}:00:{port:02x}"


def serial(site: str, i: int) -> str:
    return f"SN-{site}-{i:04d}"


def hardware(site: str, number: int, i: int, gpus: int = 2) -> ServerHardware:
    return ServerHardware(
        bmc=BmcIdentity(address=address(number, i), vendor="NVIDIA", product="MGX", mac=mac(number, i, 255)),
        serial=serial(site, i),
        manufacturer="NVIDIA",
        model="MGX H100",
        uuid=f"uuid-{site}-{i}",
        processors=(
            Processor(slot="CPU0", model="Xeon 8592+", cores=64),
            Processor(slot="CPU1", model="Xeon 8592+", cores=64),
        ),
        gpus=tuple(
            Gpu(slot=f"GPU{n}", model="H100 NVL", serial=f"G-{site}-{i}-{n}", memory_gib=94) for n in range(gpus)
        ),
        memory=tuple(MemoryModule(slot=f"DIMM{n}", size_gib=64, kind="DDR5") for n in range(8)),
        drives=tuple(
            Drive(slot=f"NVMe{n}", model="PM9D3a", serial=f"D-{site}-{i}-{n}", manufacturer="Samsung", capacity_gb=1920)
            for n in range(2)
        ),
        adapters=(
            NetworkAdapter(
                slot="dpu0",
                model="BlueField-3",
                manufacturer="NVIDIA",
                serial=f"B-{site}-{i}",
                mode=NicMode.DPU,
                ports=tuple(NicPort(name=f"dpu0-p{p}", mac=mac(number, i, p), speed_gbps=200) for p in (0, 1)),
            ),
        ),
        firmware=(
            FirmwareVersion(component="BMC", version="24.10-1"),
            FirmwareVersion(component="BIOS", version="1.2"),
        ),
        secure_boot=True,
        trusted_modules=(TrustedModule(kind="TPM2_0", enabled=True),),
        power_w=512.0,
    )


def facts(site: SiteDeclaration, *, number: int = 1, gpus: int = 2, switch_ports: int = 8) -> SiteFacts:
    return SiteFacts(
        operation=OPERATION,
        servers=tuple(
            ServerFacts(
                name=server.name,
                lifecycle=Lifecycle.VERIFIED,
                address=address(number, i),
                hardware=hardware(site.name, number, i, gpus),
            )
            for i, server in enumerate(site.servers)
        ),
        devices=tuple(
            DeviceFacts(
                name=switch.name,
                serial=f"SW-{site.name}-{switch.name}",
                firmware={"cumulus": "5.16.1"},
                ports=tuple(PortFacts(name=f"swp{n + 1}", speed_gbps=400) for n in range(switch_ports)),
            )
            for switch in site.switches
        ),
        verified_cables=frozenset(cable.key for cable in site.cables[:2]),
    )
