"""One-shot, inside NetBox (`manage.py shell < this`): the administrator, and the product's API token with the value of a file.

An administrator who is there is left alone: a person may have changed the password. A token whose file was replaced is mended.
"""

import os
from pathlib import Path

from django.contrib.auth import get_user_model
from users.models import Token

folder = Path(os.environ.get("EDGEWRIGHT_NETBOX_SETUP_SECRETS", "/run/secrets"))
password = (folder / "netbox-admin-password").read_text().strip()
key, _, secret = (folder / "netbox-token").read_text().strip().removeprefix("nbt_").partition(".")

admin, made = get_user_model().objects.get_or_create(
    username="admin", defaults={"is_superuser": True, "is_active": True}
)
if made:
    admin.set_password(password)
    admin.save()

token = Token.objects.filter(key=key).first()
if token is None or not token.validate(secret):
    if token is not None:
        token.delete()
    Token(user=admin, version=2, key=key, token=secret, description="Edgewright").save()
print("administrator:", "made" if made else "there", "- token:", "there" if token and not made else "ensured")
