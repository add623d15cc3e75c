"""Generated secrets: made once, closed to others, never half-written."""

import re
from pathlib import Path

from lab.embedded import Home
from lab.embedded.secret_files import SecretFiles


def test_files_and_folder_are_closed_to_other_users(tmp_path: Path) -> None:
    home = Home.of(tmp_path / "home")
    home.prepare()
    SecretFiles(home.secrets).ensure_all()
    assert home.secrets.stat().st_mode & 0o777 == 0o700
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in home.secrets.iterdir() if file.is_file()}
    assert len(modes) == 5
    assert set(modes.values()) == {"0o600"}


def test_a_mode_that_somebody_opened_is_closed_again(tmp_path: Path) -> None:
    home = Home.of(tmp_path / "home")
    home.prepare()
    files = SecretFiles(home.secrets)
    files.ensure_all()
    home.secrets.chmod(0o755)
    files.netbox_token_file.chmod(0o644)
    home.prepare()
    files.ensure_all()
    assert home.secrets.stat().st_mode & 0o777 == 0o700
    assert files.netbox_token_file.stat().st_mode & 0o777 == 0o600


def test_a_secret_stays_what_it_was(tmp_path: Path) -> None:
    files = SecretFiles(tmp_path)
    first = (files.api_admin_token(), files.netbox_token(), files.netbox_pepper())
    again = SecretFiles(tmp_path)
    assert (again.api_admin_token(), again.netbox_token(), again.netbox_pepper()) == first


def test_two_homes_share_no_secret(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert SecretFiles(tmp_path / "a").api_admin_token() != SecretFiles(tmp_path / "b").api_admin_token()


def test_netboxs_token_has_the_form_netbox_reads(tmp_path: Path) -> None:
    assert re.fullmatch(r"nbt_[A-Za-z0-9]{12}\.[A-Za-z0-9]{40}", SecretFiles(tmp_path).netbox_token())
