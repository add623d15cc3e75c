"""Our own account on a BMC: where it is, what its password must look like, when it locks."""

from urllib.parse import urlsplit

from pydantic import SecretStr

from clients.redfish.changing import patch
from clients.redfish.messages import CHANGE_REQUIRED
from clients.redfish.resource import Reader, Resource
from clients.redfish.tasks import TaskMonitor
from clients.redfish.wire import Answer, Wire
from domain.account import AccountPolicy
from domain.bmc import BmcRefused, BmcResourceMissing, PasswordChangeRequired


def policy_of(reader: Reader, root: Resource) -> AccountPolicy:
    """What AccountService says; nothing where there is none, or where it is shut until the password is changed."""
    try:
        service = reader.follow(root.inner("AccountService"))
    except (BmcResourceMissing, PasswordChangeRequired, BmcRefused):
        return AccountPolicy()
    resets = service.flag("AccountLockoutCounterResetEnabled") is not False
    return AccountPolicy(
        # 0 stands for "no minimum" and, on some, for "no maximum".
        min_length=service.whole("MinPasswordLength") or None,
        max_length=service.whole("MaxPasswordLength") or None,
        lockout_threshold=service.whole("AccountLockoutThreshold"),
        lockout_duration_s=service.number("AccountLockoutDuration"),
        counter_reset_s=service.number("AccountLockoutCounterResetAfter") if resets else None,
    )


def named_by(answer: Answer) -> str:
    """The account's path in a "password change required" message: its first argument, if it is one."""
    for message in answer.messages:
        if message.key == CHANGE_REQUIRED and message.arguments:
            path = urlsplit(message.arguments[0]).path
            if path.startswith("/"):
                return path
    return ""


def find_own(wire: Wire, reader: Reader, root: Resource, username: str) -> str:
    """The path of our account, found by its user name. Raises `BmcRefused` if it is not listed."""
    if not root.inner("AccountService"):
        raise BmcResourceMissing(
            f"{wire.endpoint} has no account service, so its password cannot be changed.",
            do="Set it by the BMC's own means and give the site that credential.",
        )
    service = reader.follow(root.inner("AccountService"))
    for account in reader.members(service.inner("Accounts")):
        if account.text("UserName") == username:
            return account.path
    raise BmcRefused(
        f"{wire.endpoint} lists no account with our user name, so its password cannot be changed.",
        do="The login may come from a directory service: give the site a local account of this BMC.",
    )


def change_password(wire: Wire, path: str, new: SecretStr, *, patience_s: float) -> None:
    """PATCHes the account.

    Raises:
        BmcRefused: not accepted; the old password stays. BmcUnreachable: either may be right now.
    """
    wire.keep_secret(new)
    what = "the new password"
    answer = patch(wire, path, {"Password": new.get_secret_value()})
    if answer.status == 403 and answer.says(CHANGE_REQUIRED):
        raise BmcRefused(f"{wire.endpoint} demands a password change, but refuses it at {path}.", status=403)
    wire.judge(answer, what)
    if task := TaskMonitor.of(wire, answer, what):
        task.wait(patience_s)
