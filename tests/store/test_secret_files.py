"""What is particular to secrets in files. What every secret store does is in `test_secret_stores.py`."""

import stat
from pathlib import Path

from pydantic import SecretStr

from domain.secret import Login, SecretRef
from store.secret_files import SecretFiles


def test_everything_in_the_folder_is_for_us_alone(tmp_path: Path) -> None:
    secrets = SecretFiles(tmp_path / "store")
    login = Login(username="admin", password=SecretStr("first"))
    secrets.put(SecretRef(path="site/oslo-1/bmc"), login)
    secrets.store_pending("oslo-1", "r1-s01", login)
    for path in (tmp_path / "store").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
