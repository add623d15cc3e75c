"""The BMC about itself: identity, network, restart."""

from datetime import UTC, datetime

from lab.virtual.bmc.checks import action, anything, checked, flag, nested, patched_list, text, texts
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, ok
from lab.virtual.bmc.messages import refuse
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import MANAGER as MANAGE
from lab.virtual.bmc.routing import Answer, Call, collection, missing, reads, writes
from lab.virtual.bmc.tree import CHASSIS, MANAGER, ROOT, SYSTEM
from lab.virtual.hardware import part_serial, part_uuid

RESETS = ("ForceRestart", "GracefulRestart")
PROTOCOL = f"{MANAGER}/NetworkProtocol"
RESTART_DELAY_S = 0.3

collection(f"{ROOT}/Managers", "Manager", "Managers", lambda _bmc: ["bmc"])
collection(f"{MANAGER}/EthernetInterfaces", "EthernetInterface", "BMC Ethernet Interfaces", lambda _bmc: ["eth0"])


@reads(MANAGER)
def manager(bmc: Bmc) -> Json:
    return {
        "@odata.type": kind("Manager"),
        "Id": "bmc",
        "Name": "Manager",
        "ManagerType": "BMC",
        "Manufacturer": bmc.quirks.vendor,
        "Model": bmc.quirks.model,
        "SerialNumber": part_serial(bmc.machine.spec, "BMC"),
        "UUID": part_uuid(bmc.machine.spec, "manager"),
        "ServiceEntryPointUUID": bmc.uuid,
        "FirmwareVersion": bmc.parts.firmware["BMC"],
        "PowerState": "On",
        "DateTime": bmc.clock.stamp(),
        "DateTimeLocalOffset": "+00:00",
        "LastResetTime": _since(bmc),
        "Status": ok(),
        "EthernetInterfaces": link(f"{MANAGER}/EthernetInterfaces"),
        "NetworkProtocol": link(PROTOCOL),
        "LogServices": link(f"{MANAGER}/LogServices"),
        **({"VirtualMedia": link(f"{MANAGER}/VirtualMedia")} if bmc.quirks.media_under == "manager" else {}),
        "Links": {
            "ManagerForServers": [link(SYSTEM)],
            "ManagerForChassis": [link(CHASSIS)],
            "ManagerInChassis": link(CHASSIS),
            "SoftwareImages": [link(f"{ROOT}/UpdateService/FirmwareInventory/BMC")],
            "ActiveSoftwareImage": link(f"{ROOT}/UpdateService/FirmwareInventory/BMC"),
        },
        "Actions": {
            "#Manager.Reset": {
                "target": f"{MANAGER}/Actions/Manager.Reset",
                "@Redfish.ActionInfo": f"{MANAGER}/ResetActionInfo",
                "ResetType@Redfish.AllowableValues": list(RESETS),
            }
        },
    }


def _since(bmc: Bmc) -> str:
    return datetime.fromtimestamp(bmc.started, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@reads(f"{MANAGER}/ResetActionInfo")
def reset_action_info(_bmc: Bmc) -> Json:
    return {
        "@odata.type": kind("ActionInfo"),
        "Id": "ResetActionInfo",
        "Name": "Manager Reset Action Info",
        "Parameters": [{"Name": "ResetType", "Required": False, "DataType": "String", "AllowableValues": list(RESETS)}],
    }


@writes("POST", f"{MANAGER}/Actions/Manager.Reset", privilege=MANAGE)
def reset(bmc: Bmc, call: Call) -> Answer:
    """Answers, then goes down; sessions are gone when it is back."""
    action(call.body, "Manager.Reset", {"ResetType": RESETS})
    bmc.clock.call_later(RESTART_DELAY_S, lambda: bmc.restart(call.user))
    return Answer(204)


@reads(f"{MANAGER}/EthernetInterfaces/{{interface}}")
def interface(bmc: Bmc, interface: str) -> Json:
    if interface != "eth0":
        raise missing("EthernetInterface", interface)
    address = {"Address": bmc.address, "SubnetMask": "255.192.0.0", "AddressOrigin": "Static", "Gateway": "127.64.0.1"}
    return {
        "@odata.type": kind("EthernetInterface"),
        "Id": "eth0",
        "Name": "BMC port",
        "InterfaceEnabled": True,
        "LinkStatus": "LinkUp" if bmc.world.link_up(bmc.name, "bmc") else "NoLink",
        "MACAddress": bmc.mac,
        "PermanentMACAddress": bmc.mac,
        "SpeedMbps": 1000,
        "FullDuplex": True,
        "HostName": bmc.network["hostname"],
        "FQDN": bmc.network["hostname"],
        "IPv4Addresses": [address],
        "IPv4StaticAddresses": [{key: value for key, value in address.items() if key != "AddressOrigin"}],
        "DHCPv4": {"DHCPEnabled": False},
        "Status": ok(),
    }


@writes("PATCH", f"{MANAGER}/EthernetInterfaces/{{interface}}", privilege=MANAGE)
def change_interface(bmc: Bmc, call: Call, interface: str) -> Answer:
    shown = bmc.read(call.path)
    wanted = checked(call.body, {"HostName": text(63, shortest=1)}, readable=set(shown))
    bmc.set_network({"hostname": wanted["HostName"]}, call.user)
    return Answer(200, bmc.read(call.path))


@reads(PROTOCOL)
def network_protocol(bmc: Bmc) -> Json:
    network = bmc.network
    return {
        "@odata.type": kind("ManagerNetworkProtocol"),
        "Id": "NetworkProtocol",
        "Name": "Manager Network Protocol",
        "HostName": network["hostname"],
        "FQDN": network["hostname"],
        "HTTP": {"ProtocolEnabled": False, "Port": 80},
        "HTTPS": {"ProtocolEnabled": True, "Port": bmc.port},
        "IPMI": {"ProtocolEnabled": network["ipmi"], "Port": 623},
        "SSH": {"ProtocolEnabled": False, "Port": 22},
        "SSDP": {"ProtocolEnabled": False, "Port": 1900},
        "NTP": {"ProtocolEnabled": network["ntp"], "Port": 123, "NTPServers": network["ntp_servers"]},
        "Status": ok(),
    }


@writes("PATCH", PROTOCOL, privilege=MANAGE)
def change_network_protocol(bmc: Bmc, call: Call) -> Answer:
    writable = {
        "NTP": nested(ProtocolEnabled=flag, NTPServers=texts(4)),
        "IPMI": nested(ProtocolEnabled=flag),
        "HTTPS": anything,
    }
    wanted = checked(call.body, writable, readable=set(network_protocol(bmc)))
    if "HTTPS" in wanted:
        raise refuse(400, "PropertyNotWritable", "HTTPS", properties=("HTTPS",))
    fields: Json = {}
    ntp = wanted.get("NTP", {})
    if "NTPServers" in ntp:
        fields["ntp_servers"] = patched_list(bmc.network["ntp_servers"], ntp["NTPServers"])
    if "ProtocolEnabled" in ntp:
        fields["ntp"] = ntp["ProtocolEnabled"]
    if "IPMI" in wanted:
        fields["ipmi"] = wanted["IPMI"].get("ProtocolEnabled", bmc.network["ipmi"])
    bmc.set_network(fields, call.user)
    return Answer(200, bmc.read(PROTOCOL))
