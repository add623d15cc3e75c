"""Message registries with our wording, the BIOS attribute registry, and pointers to the published schemas."""

from lab.virtual.bios import REGISTRY, attribute
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json
from lab.virtual.bmc.messages import REGISTRIES, Registry
from lab.virtual.bmc.resources.root import SCHEMAS, VERSIONS, kind
from lab.virtual.bmc.routing import collection, missing, reads
from lab.virtual.bmc.tree import ROOT

FILES, JSON_SCHEMAS = f"{ROOT}/Registries", f"{ROOT}/JsonSchemas"


def _schema_ids(_bmc: Bmc) -> list[str]:
    return [f"{name}.{VERSIONS[name]}" if name in VERSIONS else name for name in SCHEMAS if name != "RedfishExtensions"]


collection(FILES, "MessageRegistryFile", "Registries", lambda _bmc: [*map(_id, REGISTRIES.values()), REGISTRY])
collection(JSON_SCHEMAS, "JsonSchemaFile", "JSON Schemas", _schema_ids)


def _id(registry: Registry) -> str:
    return f"{registry.prefix}.{registry.version}"


def _registry(file: str) -> Registry:
    for registry in REGISTRIES.values():
        if _id(registry) == file:
            return registry
    raise missing("MessageRegistryFile", file)


@reads(f"{FILES}/{{file}}")
def registry_file(_bmc: Bmc, file: str) -> Json:
    name = REGISTRY if file == REGISTRY else _id(_registry(file))
    prefix, major, minor, _ = name.split(".")
    return {
        "@odata.type": kind("MessageRegistryFile"),
        "Id": name,
        "Name": f"{prefix} Registry",
        "Registry": f"{prefix}.{major}.{minor}" if name != REGISTRY else REGISTRY,
        "Languages": ["en"],
        "Languages@odata.count": 1,
        "Location": [{"Language": "en", "Uri": f"{FILES}/{name}/{name}.json"}],
        "Location@odata.count": 1,
    }


@reads(f"{FILES}/{{file}}/{{document}}")
def registry(bmc: Bmc, file: str, document: str) -> Json:
    if document != f"{file}.json":
        raise missing("MessageRegistry", document)
    if file == REGISTRY:
        return _bios_registry(bmc)
    found = _registry(file)
    return {
        "@odata.type": kind("MessageRegistry"),
        "Id": file,
        "Name": f"{found.prefix} Message Registry",
        "Language": "en",
        "Description": found.about,
        "RegistryPrefix": found.prefix,
        "RegistryVersion": found.version,
        "OwningEntity": "DMTF",
        "Messages": {
            key: {
                "Description": template.text,
                "Message": template.text,
                "MessageSeverity": template.severity,
                "NumberOfArgs": template.arguments,
                "ParamTypes": ["string"] * template.arguments,
                "Resolution": template.resolution,
            }
            for key, template in found.messages.items()
        },
    }


def _bios_registry(bmc: Bmc) -> Json:
    attributes: list[Json] = []
    for name, value in bmc.machine.model.bios.items():
        known = attribute(name)
        entry: Json = {
            "AttributeName": name,
            "DisplayName": name,
            "DefaultValue": value,
            "ReadOnly": False,
            "ResetRequired": True,
            "Type": known.type_of(value),
        }
        if known.choices:
            entry["Value"] = [{"ValueName": choice, "ValueDisplayName": choice} for choice in known.choices]
        if known.highest:
            entry |= {"LowerBound": known.lowest, "UpperBound": known.highest, "ScalarIncrement": 1}
        attributes.append(entry)
    return {
        "@odata.type": kind("AttributeRegistry"),
        "Id": REGISTRY,
        "Name": "BIOS Attribute Registry",
        "Language": "en",
        "OwningEntity": "Edgewright",
        "RegistryVersion": "1.0.0",
        "RegistryEntries": {"Attributes": attributes},
    }


@reads(f"{JSON_SCHEMAS}/{{schema}}")
def schema_file(bmc: Bmc, schema: str) -> Json:
    if schema not in _schema_ids(bmc):
        raise missing("JsonSchemaFile", schema)
    name = schema.split(".")[0]
    return {
        "@odata.type": kind("JsonSchemaFile"),
        "Id": schema,
        "Name": f"{name} Schema File",
        "Schema": f"#{schema}.{name}" if "." in schema else f"#{name}.{name}",
        "Languages": ["en"],
        "Languages@odata.count": 1,
        "Location": [{"Language": "en", "PublicationUri": f"http://redfish.dmtf.org/schemas/v1/{schema}.json"}],
        "Location@odata.count": 1,
    }
