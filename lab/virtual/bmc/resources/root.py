"""The service root and the documents beside it."""

from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link
from lab.virtual.bmc.routing import NOBODY, reads
from lab.virtual.bmc.tree import ROOT

_SERVICES = {
    "Systems": "Systems",
    "Chassis": "Chassis",
    "Managers": "Managers",
    "SessionService": "SessionService",
    "AccountService": "AccountService",
    "EventService": "EventService",
    "Tasks": "TaskService",
    "UpdateService": "UpdateService",
    "Registries": "Registries",
    "JsonSchemas": "JsonSchemas",
}
SCHEMAS = (
    "ServiceRoot", "ComputerSystemCollection", "ComputerSystem", "ProcessorCollection", "Processor", "MemoryCollection",
    "Memory", "StorageCollection", "Storage", "StorageControllerCollection", "StorageController", "Drive", "DriveCollection",
    "VolumeCollection", "Volume", "EthernetInterfaceCollection", "EthernetInterface", "NetworkInterfaceCollection",
    "NetworkInterface", "NetworkAdapterCollection", "NetworkAdapter", "PortCollection", "Port", "NetworkDeviceFunctionCollection",
    "NetworkDeviceFunction", "PCIeDeviceCollection", "PCIeDevice", "PCIeFunctionCollection", "PCIeFunction", "Bios", "SecureBoot",
    "LogServiceCollection", "LogService", "LogEntryCollection", "LogEntry", "ChassisCollection", "Chassis", "Power", "Thermal",
    "PowerSubsystem", "PowerSupplyCollection", "PowerSupply", "ThermalSubsystem", "FanCollection", "Fan", "ThermalMetrics",
    "EnvironmentMetrics", "SensorCollection", "Sensor", "Assembly", "TrustedComponentCollection", "TrustedComponent",
    "ManagerCollection", "Manager", "ManagerNetworkProtocol", "AccountService", "ManagerAccountCollection", "ManagerAccount",
    "RoleCollection", "Role", "SessionService", "SessionCollection", "Session", "EventService", "EventDestinationCollection",
    "EventDestination", "TaskService", "TaskCollection", "Task", "UpdateService", "SoftwareInventoryCollection",
    "SoftwareInventory", "MessageRegistryFileCollection", "MessageRegistryFile", "JsonSchemaFileCollection", "JsonSchemaFile",
    "ActionInfo", "Event", "Message", "Resource", "Redundancy", "Settings", "RedfishError", "RedfishExtensions",
    "VirtualMediaCollection", "VirtualMedia",
)  # fmt: skip


@reads("/redfish", privilege=NOBODY)
def versions(_bmc: Bmc) -> Json:
    return {"v1": f"{ROOT}/"}


@reads(ROOT, privilege=NOBODY)
def service_root(bmc: Bmc) -> Json:
    services = {k: v for k, v in _SERVICES.items() if bmc.quirks.sessions or k != "SessionService"}
    answer: Json = {
        "@odata.type": "#ServiceRoot.v1_17_0.ServiceRoot",
        "Id": "RootService",
        "Name": "Root Service",
        "RedfishVersion": bmc.quirks.redfish_version,
        "UUID": bmc.uuid,
        **({"Vendor": bmc.quirks.vendor} if bmc.quirks.vendor else {}),
        **({"Product": bmc.quirks.product} if bmc.quirks.product else {}),
        "ServiceIdentification": bmc.network["hostname"],
        **{name: link(f"{ROOT}/{path}") for name, path in services.items()},
        "Links": {"Sessions": link(f"{ROOT}/SessionService/Sessions")},
    }
    if not bmc.quirks.sessions:
        del answer["Links"]
    if bmc.quirks.expand or bmc.quirks.select:
        answer["ProtocolFeaturesSupported"] = {
            "ExpandQuery": {
                "ExpandAll": bmc.quirks.expand,
                "Levels": bmc.quirks.expand,
                "Links": bmc.quirks.expand,
                "NoLinks": bmc.quirks.expand,
                **({"MaxLevels": 6} if bmc.quirks.expand else {}),
            },
            "SelectQuery": bmc.quirks.select,
            "FilterQuery": False,
            "OnlyMemberQuery": True,
            "ExcerptQuery": False,
            "TopSkipQuery": True,
        }
    return answer


@reads(f"{ROOT}/odata", privilege=NOBODY)
def odata(bmc: Bmc) -> Json:
    entries = [{"name": "Service", "kind": "Singleton", "url": f"{ROOT}/"}]
    entries += [
        {"name": name, "kind": "Singleton", "url": f"{ROOT}/{path}"}
        for name, path in _SERVICES.items()
        if bmc.quirks.sessions or name != "SessionService"
    ]
    return {"@odata.context": f"{ROOT}/$metadata", "value": entries}


@reads(f"{ROOT}/$metadata", privilege=NOBODY)
def metadata(_bmc: Bmc) -> Json:
    references = "".join(
        f'<edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/{name}_v1.xml"><edmx:Include Namespace="{name}"/>'
        f"{_versions(name)}</edmx:Reference>"
        for name in SCHEMAS
    )
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">'
        f"{references}<edmx:DataServices>"
        '<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">'
        '<EntityContainer Name="Service" Extends="ServiceRoot.v1_17_0.ServiceContainer"/>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    )
    return {"(raw)": document, "content_type": "application/xml;charset=utf-8"}


def _versions(name: str) -> str:
    if name == "RedfishExtensions":
        return '<edmx:Include Namespace="RedfishExtensions.v1_0_0" Alias="Redfish"/>'
    version = VERSIONS.get(name)
    return f'<edmx:Include Namespace="{name}.{version}"/>' if version else ""


VERSIONS = {
    "ServiceRoot": "v1_17_0", "ComputerSystem": "v1_22_0", "Processor": "v1_20_0", "Memory": "v1_19_0", "Storage": "v1_17_0",
    "StorageController": "v1_8_0", "Drive": "v1_19_0", "Volume": "v1_10_1", "EthernetInterface": "v1_12_0",
    "NetworkInterface": "v1_2_3", "NetworkAdapter": "v1_11_0", "Port": "v1_12_0", "NetworkDeviceFunction": "v1_9_2",
    "PCIeDevice": "v1_15_0", "PCIeFunction": "v1_5_1", "Bios": "v1_2_1", "SecureBoot": "v1_1_1", "LogService": "v1_6_0",
    "LogEntry": "v1_16_2", "Chassis": "v1_25_0", "Power": "v1_7_3", "Thermal": "v1_7_3", "PowerSubsystem": "v1_1_2",
    "PowerSupply": "v1_6_0", "ThermalSubsystem": "v1_3_2", "Fan": "v1_5_2", "ThermalMetrics": "v1_3_1",
    "EnvironmentMetrics": "v1_3_2", "Sensor": "v1_9_1", "Assembly": "v1_5_1", "TrustedComponent": "v1_3_0",
    "Manager": "v1_19_0", "ManagerNetworkProtocol": "v1_10_1", "AccountService": "v1_15_1", "ManagerAccount": "v1_12_1",
    "Role": "v1_3_2", "SessionService": "v1_1_9", "Session": "v1_7_1", "EventService": "v1_10_3",
    "EventDestination": "v1_14_1", "TaskService": "v1_2_1", "Task": "v1_7_4", "UpdateService": "v1_14_1",
    "SoftwareInventory": "v1_10_2", "MessageRegistryFile": "v1_1_4", "JsonSchemaFile": "v1_1_4", "ActionInfo": "v1_4_2",
    "Event": "v1_7_0", "Message": "v1_1_2", "Resource": "v1_19_0", "Redundancy": "v1_4_0", "Settings": "v1_3_5",
    "RedfishError": "v1_0_2", "VirtualMedia": "v1_6_3", "MessageRegistry": "v1_6_2", "AttributeRegistry": "v1_3_8",
}  # fmt: skip


def kind(name: str) -> str:
    """The full type of a resource in the version this BMC speaks."""
    return f"#{name}.{VERSIONS[name]}.{name}"
