"""Adapters (DPUs and NICs) with their ports and functions, and the system's view of them."""

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, links, ok
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import chosen, collection, missing, reads
from lab.virtual.bmc.tree import CHASSIS, SYSTEM
from lab.virtual.hardware import Adapter
from lab.virtual.sitefile import PhysicalPort

ADAPTERS = f"{CHASSIS}/NetworkAdapters"
INTERFACES = f"{SYSTEM}/EthernetInterfaces"


def _names(bmc: Bmc) -> list[str]:
    return [adapter.name for adapter in bmc.parts.adapters]


def _adapter(bmc: Bmc, name: str) -> Adapter:
    return chosen(bmc.parts.adapters, "NetworkAdapter", name)


def _port(bmc: Bmc, adapter: str, number: str) -> tuple[Adapter, PhysicalPort]:
    part = _adapter(bmc, adapter)
    if not number.isdigit() or int(number) >= len(part.ports):
        raise missing("Port", number)
    return part, part.ports[int(number)]


def _numbers(bmc: Bmc, adapter: str) -> list[str]:
    return [str(i) for i in range(len(_adapter(bmc, adapter).ports))]


collection(ADAPTERS, "NetworkAdapter", "Network Adapters", _names)
collection(f"{ADAPTERS}/{{adapter}}/Ports", "Port", "Ports", _numbers)
collection(f"{ADAPTERS}/{{adapter}}/NetworkDeviceFunctions", "NetworkDeviceFunction", "Functions", _numbers)
collection(f"{SYSTEM}/NetworkInterfaces", "NetworkInterface", "Network Interfaces", _names)
collection(
    INTERFACES,
    "EthernetInterface",
    "Ethernet Interfaces",
    lambda bmc: [port.name for adapter in bmc.parts.adapters for port in adapter.ports],
)


@reads(f"{ADAPTERS}/{{adapter}}")
def adapter(bmc: Bmc, adapter: str) -> Json:
    part = _adapter(bmc, adapter)
    path = f"{ADAPTERS}/{part.name}"
    return {
        "@odata.type": kind("NetworkAdapter"),
        "Id": part.name,
        "Name": part.name,
        "Manufacturer": part.model.manufacturer,
        "Model": part.model.model,
        "PartNumber": part.model.part_number,
        "SerialNumber": part.serial,
        "SKU": part.model.part_number,
        "Status": ok(),
        "Location": {"PartLocation": {"ServiceLabel": part.name, "LocationType": "Slot"}},
        "Ports": link(f"{path}/Ports"),
        "NetworkDeviceFunctions": link(f"{path}/NetworkDeviceFunctions"),
        "Controllers": [
            {
                "FirmwarePackageVersion": bmc.parts.firmware[part.name],
                "PCIeInterface": {"PCIeType": "Gen5", "LanesInUse": 16, "MaxLanes": 16},
                "ControllerCapabilities": {
                    "NetworkPortCount": len(part.ports),
                    "NetworkDeviceFunctionCount": len(part.ports),
                },
                "Links": {
                    "Ports": links([f"{path}/Ports/{i}" for i in range(len(part.ports))]),
                    "NetworkDeviceFunctions": links(
                        [f"{path}/NetworkDeviceFunctions/{i}" for i in range(len(part.ports))]
                    ),
                    "PCIeDevices": [link(f"{CHASSIS}/PCIeDevices/{part.name}")],
                },
            }
        ],
    }


@reads(f"{ADAPTERS}/{{adapter}}/Ports/{{port}}")
def port(bmc: Bmc, adapter: str, port: str) -> Json:
    part, physical = _port(bmc, adapter, port)
    up = bmc.world.link_up(bmc.name, physical.name)
    answer: Json = {
        "@odata.type": kind("Port"),
        "Id": port,
        "Name": physical.name,
        "PortId": port,
        "PortProtocol": "Ethernet",
        "PortType": "BidirectionalPort",
        "LinkNetworkTechnology": "Ethernet",
        "MaxSpeedGbps": physical.rate_gbps,
        "CurrentSpeedGbps": physical.rate_gbps if up else 0,
        "LinkStatus": "LinkUp" if up else "LinkDown",
        "InterfaceEnabled": True,
        "Ethernet": {"AssociatedMACAddresses": [physical.mac], "LLDPEnabled": part.model.lldp.running},
        "Status": ok(),
    }
    heard = bmc.world.lldp_heard(bmc.name, physical.name) if part.model.lldp.running else None
    if heard is not None:
        answer["Ethernet"]["LLDPReceive"] = {
            "ChassisId": heard.chassis_id.upper(),
            "ChassisIdSubtype": "MacAddr",
            "PortId": _octets(heard.port_id),
            "PortIdSubtype": "IfName",
            "SystemName": heard.system_name,
            "SystemDescription": heard.system_description,
        }
    return answer


def _octets(text: str) -> str:
    """LLDP ids are octet strings: `swp1` is 73:77:70:31."""
    return ":".join(f"{octet:02X}" for octet in text.encode())


@reads(f"{ADAPTERS}/{{adapter}}/NetworkDeviceFunctions/{{function}}")
def device_function(bmc: Bmc, adapter: str, function: str) -> Json:
    part, physical = _port(bmc, adapter, function)
    path = f"{ADAPTERS}/{part.name}"
    return {
        "@odata.type": kind("NetworkDeviceFunction"),
        "Id": function,
        "Name": f"{physical.name} function",
        "NetDevFuncType": "Ethernet",
        "NetDevFuncCapabilities": ["Ethernet"],
        "DeviceEnabled": True,
        "Ethernet": {
            "MACAddress": physical.mac,
            "PermanentMACAddress": physical.mac,
            "MTUSize": 1500,
            "EthernetInterfaces": link(f"{SYSTEM}/EthernetInterfaces"),
        },
        "Status": ok(),
        "Links": {
            "PhysicalNetworkPortAssignment": link(f"{path}/Ports/{function}"),
            "PCIeFunction": link(f"{CHASSIS}/PCIeDevices/{part.name}/PCIeFunctions/{function}"),
            "EthernetInterfaces": [link(f"{INTERFACES}/{physical.name}")],
        },
    }


@reads(f"{SYSTEM}/NetworkInterfaces/{{adapter}}")
def network_interface(bmc: Bmc, adapter: str) -> Json:
    path = f"{ADAPTERS}/{_adapter(bmc, adapter).name}"
    return {
        "@odata.type": kind("NetworkInterface"),
        "Id": adapter,
        "Name": f"{adapter} interface",
        "Status": ok(),
        "Ports": link(f"{path}/Ports"),
        "NetworkDeviceFunctions": link(f"{path}/NetworkDeviceFunctions"),
        "Links": {"NetworkAdapter": link(path)},
    }


@reads(f"{INTERFACES}/{{interface}}")
def ethernet_interface(bmc: Bmc, interface: str) -> Json:
    for part in bmc.parts.adapters:
        for number, physical in enumerate(part.ports):
            if physical.name == interface:
                return _interface(bmc, part, number, physical)
    raise missing("EthernetInterface", interface)


def _interface(bmc: Bmc, part: Adapter, number: int, physical: PhysicalPort) -> Json:
    up = bmc.world.link_up(bmc.name, physical.name)
    path = f"{ADAPTERS}/{part.name}"
    return {
        "@odata.type": kind("EthernetInterface"),
        "Id": physical.name,
        "Name": physical.name,
        "MACAddress": physical.mac,
        "PermanentMACAddress": physical.mac,
        "SpeedMbps": physical.rate_gbps * 1000 if up else 0,
        "LinkStatus": "LinkUp" if up else "LinkDown",
        "FullDuplex": True,
        "InterfaceEnabled": True,
        "Status": ok(),
        "Links": {
            "Chassis": link(CHASSIS),
            "Ports": [link(f"{path}/Ports/{number}")],
            "NetworkDeviceFunctions": [link(f"{path}/NetworkDeviceFunctions/{number}")],
        },
    }
