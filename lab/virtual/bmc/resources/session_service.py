"""Sessions: logging in and out."""

from lab.virtual.bmc.checks import checked, needed, text, whole
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, ok
from lab.virtual.bmc.messages import message, refuse
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import MANAGER as MANAGE
from lab.virtual.bmc.routing import NOBODY, Answer, Call, collection, missing, reads, writes
from lab.virtual.bmc.sessions import Session
from lab.virtual.bmc.tree import ROOT, SESSIONS, account_path

SERVICE = f"{ROOT}/SessionService"

collection(SESSIONS, "Session", "Sessions", lambda bmc: [session.id for session in bmc.sessions.all()])


@reads(SERVICE)
def session_service(bmc: Bmc) -> Json:
    return {
        "@odata.type": kind("SessionService"),
        "Id": "SessionService",
        "Name": "Session Service",
        "ServiceEnabled": True,
        "SessionTimeout": bmc.sessions.timeout_s,
        "Sessions": link(SESSIONS),
        "Status": ok(),
    }


@writes("PATCH", SERVICE, privilege=MANAGE)
def change_service(bmc: Bmc, call: Call) -> Answer:
    wanted = checked(call.body, {"SessionTimeout": whole(30, 86400)}, readable=set(session_service(bmc)))
    bmc.machine.keep("session-timeout-s", wanted["SessionTimeout"], change={"what": "session-timeout", "by": call.user})
    bmc.sessions.timeout_s = wanted["SessionTimeout"]
    return Answer(200, bmc.read(SERVICE))


@reads(f"{SESSIONS}/{{session}}")
def session(bmc: Bmc, session: str) -> Json:
    found = bmc.sessions.get(session)
    if found is None:
        raise missing("Session", session)
    return _shown(found)


def _shown(found: Session) -> Json:
    return {
        "@odata.type": kind("Session"),
        "Id": found.id,
        "Name": "User Session",
        "UserName": found.user,
        "ClientOriginIPAddress": found.origin,
        "CreatedTime": found.created,
        "SessionType": "Redfish",
    }


def _log_in(bmc: Bmc, call: Call) -> Answer:
    """201 with the token; a password that must be changed still gets a session, good for that change only."""
    wanted = checked(
        call.body, {"UserName": text(256), "Password": text(256)}, readable={"Id", "Name", "CreatedTime", "SessionType"}
    )
    needed(wanted, "UserName", "Password")
    account = bmc.accounts.verify(wanted["UserName"], wanted["Password"])
    if account is None:
        raise refuse(401, "ResourceAtUriUnauthorized", call.path, "the credentials are not valid")
    opened = bmc.sessions.open(account["id"], account["user"], call.origin)
    if opened is None:
        raise refuse(503, "SessionLimitExceeded")
    bmc.machine.note({"what": "session-opened", "user": opened.user})
    path = f"{SESSIONS}/{opened.id}"
    body = bmc.read(path)
    if account["change_required"]:
        body["@Message.ExtendedInfo"] = [message("PasswordChangeRequired", account_path(account["id"]))]
    return Answer(201, body, {"Location": path, "X-Auth-Token": opened.token})


@writes("POST", SESSIONS, privilege=NOBODY)
def log_in(bmc: Bmc, call: Call) -> Answer:
    return _log_in(bmc, call)


@writes("POST", f"{SESSIONS}/Members", privilege=NOBODY)
def log_in_at_members(bmc: Bmc, call: Call) -> Answer:
    return _log_in(bmc, call)


@writes("DELETE", f"{SESSIONS}/{{session}}", privilege=NOBODY)
def log_out(bmc: Bmc, call: Call, session: str) -> Answer:
    """One's own session, or any with the right to configure the BMC."""
    found = bmc.sessions.get(session)
    if found is None:
        raise missing("Session", session)
    if found.account != call.account and MANAGE not in bmc.accounts.privileges(call.account):
        raise refuse(403, "InsufficientPrivilege")
    bmc.sessions.end(found)
    bmc.machine.note({"what": "session-closed", "user": found.user})
    return Answer(204)
