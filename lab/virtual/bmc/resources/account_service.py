"""Accounts, roles, the lock-out policy. Whoever is not an administrator may change their own password and nothing else."""

from typing import Any

from lab.virtual.bmc.accounts import MOST_ACCOUNTS, ROLES, Account
from lab.virtual.bmc.checks import checked, flag, needed, one_of, text, whole
from lab.virtual.bmc.controller import Bmc
from lab.virtual.bmc.json_types import Json, link, ok
from lab.virtual.bmc.messages import message, refuse
from lab.virtual.bmc.resources.root import kind
from lab.virtual.bmc.routing import NOBODY, USERS, Answer, Call, collection, missing, reads, writes
from lab.virtual.bmc.tree import ACCOUNTS, ROOT, account_path

SERVICE, ROLE_PATH = f"{ROOT}/AccountService", f"{ROOT}/AccountService/Roles"

collection(ACCOUNTS, "ManagerAccount", "Accounts", lambda bmc: sorted(bmc.accounts.all(), key=int))
collection(ROLE_PATH, "Role", "Roles", lambda _bmc: list(ROLES))


@reads(SERVICE)
def account_service(bmc: Bmc) -> Json:
    policy = bmc.accounts.policy
    return {
        "@odata.type": kind("AccountService"),
        "Id": "AccountService",
        "Name": "Account Service",
        "ServiceEnabled": True,
        "MinPasswordLength": bmc.quirks.min_password,
        "MaxPasswordLength": bmc.quirks.max_password,
        "AccountLockoutThreshold": policy["threshold"],
        "AccountLockoutDuration": policy["duration_s"],
        "AccountLockoutCounterResetAfter": policy["reset_s"],
        "AccountLockoutCounterResetEnabled": True,
        "SupportedAccountTypes": ["Redfish"],
        "Accounts": link(ACCOUNTS),
        "Roles": link(ROLE_PATH),
        "Status": ok(),
    }


@writes("PATCH", SERVICE, privilege=USERS)
def change_policy(bmc: Bmc, call: Call) -> Answer:
    writable = {
        "AccountLockoutThreshold": whole(0, 100),
        "AccountLockoutDuration": whole(0, 86400),
        "AccountLockoutCounterResetAfter": whole(0, 86400),
    }
    wanted = checked(call.body, writable, readable=set(account_service(bmc)))
    names = {
        "AccountLockoutThreshold": "threshold",
        "AccountLockoutDuration": "duration_s",
        "AccountLockoutCounterResetAfter": "reset_s",
    }
    policy = {**bmc.accounts.policy, **{names[key]: value for key, value in wanted.items()}}
    if policy["duration_s"] and policy["reset_s"] > policy["duration_s"]:
        raise refuse(400, "PropertyValueConflict", "AccountLockoutCounterResetAfter", "AccountLockoutDuration")
    bmc.accounts.set_policy(policy)
    return Answer(200, bmc.read(SERVICE))


@reads(f"{ROLE_PATH}/{{role}}")
def role(_bmc: Bmc, role: str) -> Json:
    if role not in ROLES:
        raise missing("Role", role)
    return {
        "@odata.type": kind("Role"),
        "Id": role,
        "Name": f"{role} Role",
        "RoleId": role,
        "IsPredefined": True,
        "AssignedPrivileges": list(ROLES[role]),
        "OemPrivileges": [],
    }


def _account(bmc: Bmc, number: str) -> Account:
    found = bmc.accounts.all().get(number)
    if found is None:
        raise missing("ManagerAccount", number)
    return found


@reads(f"{ACCOUNTS}/{{account}}")
def account(bmc: Bmc, account: str) -> Json:
    found = _account(bmc, account)
    return {
        "@odata.type": kind("ManagerAccount"),
        "Id": found["id"],
        "Name": "User Account",
        "UserName": found["user"],
        "Password": None,
        "RoleId": found["role"],
        "Enabled": found["enabled"],
        "Locked": bmc.accounts.locked(found),
        "PasswordChangeRequired": found["change_required"],
        "AccountTypes": ["Redfish"],
        "Links": {"Role": link(f"{ROLE_PATH}/{found['role']}")},
    }


@writes("POST", ACCOUNTS, privilege=USERS)
def add_account(bmc: Bmc, call: Call) -> Answer:
    writable = {
        "UserName": text(32, shortest=1),
        "Password": text(256, shortest=1),
        "RoleId": one_of(*ROLES),
        "Enabled": flag,
        "PasswordChangeRequired": flag,
        "AccountTypes": lambda _name, value: value,
    }
    wanted = checked(call.body, writable, readable={"Id", "Name", "Locked", "Links"})
    needed(wanted, "UserName", "Password", "RoleId")
    if bmc.accounts.by_user(wanted["UserName"]):
        raise refuse(409, "ResourceAlreadyExists", "ManagerAccount", "UserName", wanted["UserName"])
    if len(bmc.accounts.all()) >= MOST_ACCOUNTS:
        raise refuse(400, "ResourceInUse")
    _check_password(bmc, wanted["Password"], wanted["UserName"])
    made = bmc.accounts.add(
        wanted["UserName"],
        wanted["Password"],
        wanted["RoleId"],
        enabled=wanted.get("Enabled", True),
        change_required=wanted.get("PasswordChangeRequired", False),
    )
    path = account_path(made["id"])
    return Answer(201, bmc.read(path), {"Location": path})


def _check_password(bmc: Bmc, password: str, user: str) -> None:
    if bmc.accounts.weakness(password, user):
        raise refuse(400, "PropertyValueFormatError", "***", "Password", properties=("Password",))


@writes("PATCH", f"{ACCOUNTS}/{{account}}", privilege=NOBODY)
def change_account(bmc: Bmc, call: Call, account: str) -> Answer:
    found = _account(bmc, account)
    writable: dict[str, Any] = {
        "Password": text(256, shortest=1),
        "UserName": text(32, shortest=1),
        "RoleId": one_of(*ROLES),
        "Enabled": flag,
        "Locked": flag,
        "PasswordChangeRequired": flag,
    }
    _check_right(bmc, call, found)
    wanted = checked(call.body, writable, readable={"Id", "Name", "AccountTypes", "Links"})
    fields: dict[str, Any] = {}
    password = wanted.get("Password")
    if password is not None:
        _check_password(bmc, password, wanted.get("UserName", found["user"]))
        if found["change_required"] and bmc.accounts.same_password(found, password):
            raise refuse(400, "PropertyValueFormatError", "***", "Password", properties=("Password",))
    if "UserName" in wanted and wanted["UserName"] != found["user"]:
        if bmc.accounts.by_user(wanted["UserName"]):
            raise refuse(409, "ResourceAlreadyExists", "ManagerAccount", "UserName", wanted["UserName"])
        fields["user"] = wanted["UserName"]
    for name, key in (("RoleId", "role"), ("Enabled", "enabled"), ("PasswordChangeRequired", "change_required")):
        if name in wanted:
            fields[key] = wanted[name]
    if "Locked" in wanted:
        if wanted["Locked"]:
            raise refuse(400, "PropertyValueNotInList", "true", "Locked", properties=("Locked",))
        fields |= {"locked_until": 0.0, "failures": 0}
    _keep_one_administrator(bmc, found, fields)
    if password is not None and bmc.lies_about("password"):
        return Answer(200, bmc.read(call.path))
    bmc.accounts.change(found, by=call.user, password=password, **fields)
    if password is not None:
        bmc.sessions.end_of(found["id"], but=call.session)
    answer = bmc.read(call.path)
    answer["@Message.ExtendedInfo"] = [message("Success")]
    return Answer(200, answer)


def _check_right(bmc: Bmc, call: Call, found: Account) -> None:
    if USERS in bmc.accounts.privileges(call.account) and not _must_change(bmc, call):
        return
    if call.account != found["id"] or set(call.body) - {"Password"}:
        raise refuse(403, "InsufficientPrivilege")


def _must_change(bmc: Bmc, call: Call) -> bool:
    own = bmc.accounts.all().get(call.account)
    return bool(own and own["change_required"])


def _keep_one_administrator(bmc: Bmc, found: Account, fields: dict[str, Any]) -> None:
    changed = {**found, **fields}
    if changed["role"] == "Administrator" and changed["enabled"]:
        return
    others = [a for a in bmc.accounts.all().values() if a["id"] != found["id"]]
    if not any(a["role"] == "Administrator" and a["enabled"] for a in others):
        raise refuse(400, "PropertyValueConflict", "RoleId", "Enabled")


@writes("DELETE", f"{ACCOUNTS}/{{account}}", privilege=USERS)
def remove_account(bmc: Bmc, call: Call, account: str) -> Answer:
    found = _account(bmc, account)
    if found["id"] == "1":
        raise refuse(403, "ResourceCannotBeDeleted")
    bmc.accounts.remove(found, by=call.user)
    bmc.sessions.end_of(found["id"])
    return Answer(200, {"@Message.ExtendedInfo": [message("AccountRemoved")]})
