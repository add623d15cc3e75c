"""The messages a BMC answers with. Ids, arguments and severities are those of DMTF's registries; the wording is ours."""

# ruff: noqa: E501 (a table: one message, one line)
from dataclasses import dataclass
from typing import Any, Literal

from lab.virtual.bmc.json_types import Json

Severity = Literal["OK", "Warning", "Critical"]


@dataclass(frozen=True)
class Template:
    """One message: `%1`, `%2` ... stand for its arguments."""

    text: str
    arguments: int = 0
    severity: Severity = "Warning"
    resolution: str = "Correct the request and send it again."


@dataclass(frozen=True)
class Registry:
    prefix: str
    version: str
    about: str
    messages: dict[str, Template]


BASE = Registry(
    "Base",
    "1.18.1",
    "Answers that every Redfish service gives.",
    {
        "Success": Template("Done.", 0, "OK", "None."),
        "Created": Template("The resource was made.", 0, "OK", "None."),
        "NoOperation": Template("Nothing in the request changes anything.", 0),
        "GeneralError": Template("The service failed; see further messages.", 0, "Critical"),
        "InternalError": Template("The service failed inside and may still work.", 0, "Critical", "Try again; then reset the BMC."),
        "MalformedJSON": Template("The body is no JSON that can be read.", 0, "Critical"),
        "UnrecognizedRequestBody": Template("The body is not what this request takes.", 0),
        "EmptyJSON": Template("The body holds an empty object, and something was expected.", 0),
        "PropertyUnknown": Template("This resource has no property %1.", 1),
        "PropertyNotWritable": Template("The property %1 can only be read.", 1),
        "PropertyMissing": Template("The property %1 is needed here.", 1),
        "PropertyValueTypeError": Template("The value %1 of the property %2 has the wrong type.", 2),
        "PropertyValueNotInList": Template("The value %1 of the property %2 is none of those allowed.", 2),
        "PropertyValueFormatError": Template("The value %1 of the property %2 has a form that is not accepted.", 2),
        "PropertyValueOutOfRange": Template("The value %1 of the property %2 is out of range.", 2),
        "PropertyValueConflict": Template("The property %1 cannot have this value because of the value of %2.", 2),
        "ActionNotSupported": Template("There is no action %1 here.", 1, "Critical"),
        "ActionParameterMissing": Template("The action %1 needs the parameter %2.", 2, "Critical"),
        "ActionParameterUnknown": Template("The action %1 has no parameter %2.", 2),
        "ActionParameterNotSupported": Template("The parameter %1 of the action %2 cannot be given here.", 2),
        "ActionParameterValueNotInList": Template("The value %1 of the parameter %2 of the action %3 is none of those allowed.", 3),
        "ActionParameterValueTypeError": Template("The value %1 of the parameter %2 of the action %3 has the wrong type.", 3),
        "ActionParameterValueFormatError": Template("The value %1 of the parameter %2 of the action %3 has a form that is not accepted.", 3),
        "ActionParameterValueConflict": Template("The parameter %1 cannot have the value %2 here.", 2),
        "CouldNotEstablishConnection": Template("No connection to %1 could be made.", 1, "Critical", "Check the address and that it can be reached from here."),
        "ResourceAtUriInUnknownFormat": Template("What lies at %1 is of no known form.", 1, "Critical"),
        "InvalidURI": Template("There is nothing to be had at %1.", 1, "Critical"),
        "SourceDoesNotSupportProtocol": Template("What is at %1 does not speak %2.", 2, "Critical"),
        "MissingOrMalformedPart": Template("The form lacks a part, or a part cannot be read.", 0, "Critical"),
        "ResetRequired": Template("To take effect this needs a reset: %1 with ResetType %2.", 2, "Warning", "Reset it when it suits."),
        "UndeterminedFault": Template("%1 reported a fault of unknown kind.", 1, "Critical", "Look at the part itself."),
        "ResourceMissingAtURI": Template("There is nothing at %1.", 1, "Critical"),
        "ResourceNotFound": Template("There is no %1 called %2.", 2, "Critical"),
        "ResourceAlreadyExists": Template("A %1 whose %2 is %3 exists already.", 3, "Critical"),
        "ResourceCannotBeDeleted": Template("This resource stays.", 0, "Critical"),
        "ResourceInUse": Template("The resource is busy.", 0, "Warning", "Wait and try again."),
        "ResourceInStandby": Template("The resource is in standby.", 0, "Critical", "Power the system on first."),
        "ResourceAtUriUnauthorized": Template("Access to %1 was denied: %2.", 2, "Critical", "Check the credentials."),
        "ServiceTemporarilyUnavailable": Template("The service cannot answer now; try again in %1 seconds.", 1, "Critical", "Wait as long as it says."),
        "SessionLimitExceeded": Template("As many sessions are open as can be.", 0, "Critical", "Log a session out, or wait for one to time out."),
        "NoValidSession": Template("There is no valid session for this request.", 0, "Critical", "Log in."),
        "InsufficientPrivilege": Template("The account may not do this.", 0, "Critical", "Use an account with the needed role."),
        "PasswordChangeRequired": Template("The password of this account must be changed before anything else: set Password at %1.", 1, "Critical", "Change the password by a PATCH of that resource."),
        "PreconditionFailed": Template("The resource is no longer what the request assumed.", 0, "Critical", "Read it again."),
        "PreconditionRequired": Template("The request must say which version of the resource it changes.", 0, "Critical", "Send If-Match."),
        "HeaderInvalid": Template("The header %1 has a value that is not accepted.", 1),
        "HeaderMissing": Template("The header %1 is needed here.", 1),
        "OperationNotAllowed": Template("This method is not allowed here.", 0, "Critical"),
        "QueryNotSupported": Template("Queries are not supported here.", 0),
        "QueryNotSupportedOnResource": Template("This query is not supported on this resource.", 0),
        "QueryParameterValueTypeError": Template("The value %1 of the query parameter %2 has the wrong type.", 2),
        "QueryParameterValueFormatError": Template("The value %1 of the query parameter %2 cannot be read.", 2),
        "QueryParameterOutOfRange": Template("The value %1 of the query parameter %2 is outside %3.", 3),
        "QueryParameterUnsupported": Template("The query parameter %1 is not supported.", 1),
        "QueryCombinationInvalid": Template("These query parameters do not go together.", 0),
        "AccountRemoved": Template("The account was removed.", 0, "OK", "None."),
        "ActionNotAllowed": Template("The action %1 cannot be done in the present state.", 1, "Critical", "Bring the system into another state first."),
        "SubscriptionTerminated": Template("The subscription has ended.", 0, "OK", "None."),
        "EventSubscriptionLimitExceeded": Template("As many subscriptions exist as can be.", 0, "Critical", "Delete one."),
    },
)  # fmt: skip

RESOURCE_EVENT = Registry(
    "ResourceEvent",
    "1.3.0",
    "Changes of resources.",
    {
        "ResourceCreated": Template("A resource was made.", 0, "OK", "None."),
        "ResourceRemoved": Template("A resource was removed.", 0, "OK", "None."),
        "ResourceChanged": Template("Properties of a resource changed.", 0, "OK", "None."),
        "ResourcePoweredOn": Template("The resource %1 is on.", 1, "OK", "None."),
        "ResourcePoweringOn": Template("The resource %1 is powering on.", 1, "OK", "None."),
        "ResourcePoweredOff": Template("The resource %1 is off.", 1, "OK", "None."),
        "ResourcePoweringOff": Template("The resource %1 is powering off.", 1, "OK", "None."),
        "TestMessage": Template("A test.", 0, "OK", "None."),
    },
)

TASK_EVENT = Registry(
    "TaskEvent",
    "1.0.3",
    "The life of tasks.",
    {
        "TaskStarted": Template("The task %1 has begun.", 1, "OK", "None."),
        "TaskCompletedOK": Template("The task %1 is done.", 1, "OK", "None."),
        "TaskAborted": Template("The task %1 ended with errors.", 1, "Critical", "Read its other messages."),
    },
)

_ON_IT = "None."
UPDATE = Registry(
    "Update",
    "1.1.0",
    "Firmware and its inventory.",
    {
        "UpdateInProgress": Template("Firmware is being changed or listed.", 0, "Warning", "Wait and try again."),
        "TargetDetermined": Template("%1 gets the image %2.", 2, "OK", _ON_IT),
        "NoTargetsDetermined": Template("Nothing here takes the image %1.", 1, "Critical", "Choose the image for this hardware."),
        "InstallingOnComponent": Template("The image %1 is being installed on %2.", 2, "OK", _ON_IT),
        "TransferFailed": Template("The image %1 for %2 could not be fetched.", 2, "Critical", "Check where it lies."),
        "VerificationFailed": Template("The image %1 for %2 is damaged or not signed.", 2, "Critical", "Fetch the image again from its maker."),
        "ApplyFailed": Template("The image %1 could not be installed on %2.", 2, "Critical", "Try again; then look at the part."),
        "AwaitToActivate": Template("The image %1 on %2 waits to be put in force.", 2, "OK", "Reset what the next message names."),
        "UpdateSuccessful": Template("%1 runs the image %2.", 2, "OK", _ON_IT),
        "UpdateNotApplicable": Template("The image %1 is not for %2.", 2, "Warning", "Choose the image for this part."),
    },
)  # fmt: skip

REGISTRIES = {registry.prefix: registry for registry in (BASE, RESOURCE_EVENT, TASK_EVENT, UPDATE)}


def message(key: str, *arguments: object, properties: tuple[str, ...] = ()) -> Json:
    """One message as it appears in `@Message.ExtendedInfo`; `key` is `PropertyUnknown` or `ResourceEvent.TestMessage`."""
    prefix, _, name = key.rpartition(".")
    registry = REGISTRIES[prefix or "Base"]
    template = registry.messages[name]
    if len(arguments) != template.arguments:
        raise ValueError(f"{key} takes {template.arguments} arguments")
    text = template.text
    words = [str(argument) for argument in arguments]
    for number, word in enumerate(words, 1):
        text = text.replace(f"%{number}", word)
    major_minor = ".".join(registry.version.split(".")[:2])
    answer: dict[str, Any] = {
        "@odata.type": "#Message.v1_1_2.Message",
        "MessageId": f"{registry.prefix}.{major_minor}.{name}",
        "Message": text,
        "MessageArgs": words,
        "MessageSeverity": template.severity,
        "Severity": template.severity,
        "Resolution": template.resolution,
    }
    if properties:
        answer["RelatedProperties"] = [f"#/{name.replace('.', '/')}" for name in properties]
    return answer


class Problem(Exception):
    """A refused request: becomes the status and a body with extended error information."""

    def __init__(self, status: int, *messages: Json, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, *(m["MessageId"] for m in messages))
        self.status, self.messages, self.headers = status, messages, headers or {}

    def body(self) -> Json:
        """The error object: with several messages a general one stands in front."""
        first = self.messages[0] if len(self.messages) == 1 else message("GeneralError")
        return {
            "error": {
                "code": first["MessageId"],
                "message": first["Message"],
                "@Message.ExtendedInfo": list(self.messages),
            }
        }


def refuse(status: int, key: str, *arguments: object, properties: tuple[str, ...] = ()) -> Problem:
    """A problem with one message."""
    return Problem(status, message(key, *arguments, properties=properties))
