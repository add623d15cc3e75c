"""Whose certificate is accepted, and that nothing secret is sent to anybody else."""

import pytest

from clients.redfish import BmcTimeouts, RedfishBmcs
from domain.bmc import (
    BmcCertificateChanged,
    BmcCertificateUntrusted,
    Certificates,
    DeviceTrust,
)
from domain.site import Trust
from tests.clients.redfish.conftest import FACTORY, Client


def test_a_pinned_certificate_opens_however_its_fingerprint_is_written(client: Client) -> None:
    plain = client.pin("plain").sha256 or ""
    colons = ":".join(plain[i : i + 2].upper() for i in range(0, len(plain), 2))
    for written in (plain, colons, f"sha256:{plain}"):
        with client.bmcs.connect(client.endpoint("plain"), Certificates(sha256=written)) as connection:
            assert connection.identity.certificate_sha256 == plain


def test_another_certificate_than_the_pinned_one_gets_no_request_at_all(client: Client) -> None:
    pinned = client.pin("victim")
    client.lab.seed("other-certificate", "victim")
    before = len(client.lab.requests("victim"))
    with pytest.raises(BmcCertificateChanged, match=r"victim \(127\..*\) shows the certificate") as changed:
        client.bmcs.connect(client.endpoint("victim"), pinned)
    assert len(client.lab.requests("victim")) == before
    assert client.pin("victim").sha256 in str(changed.value), "the new fingerprint is there to be compared and pinned"


def test_a_certificate_that_changes_between_connection_and_login_stops_the_login(client: Client) -> None:
    with client.bmcs.connect(client.endpoint("victim"), client.pin("victim")) as connection:
        connection.wire.close()  # the next request needs a new connection
        client.lab.seed("other-certificate", "victim")
        with pytest.raises(BmcCertificateChanged):
            connection.log_in(FACTORY)
    assert not any(entry["method"] == "POST" for entry in client.lab.requests("victim")[-2:])


def test_the_sites_ca_is_enough_and_no_other_certificate_passes(client: Client) -> None:
    ca = Certificates(ca_pem=client.lab.ask("ca"))
    with client.bmcs.connect(client.endpoint("signed"), ca) as connection, connection.log_in(FACTORY) as bmc:
        assert bmc.identity.redfish_version
    with pytest.raises(BmcCertificateUntrusted, match="Nothing was sent"):
        client.bmcs.connect(client.endpoint("plain"), ca)


def test_an_expired_certificate_is_named_as_such_and_still_may_be_pinned(client: Client) -> None:
    with pytest.raises(BmcCertificateUntrusted):
        client.bmcs.connect(client.endpoint("expired"), Certificates(ca_pem=client.lab.ask("ca")))
    with client.bmcs.connect(client.endpoint("expired"), client.pin("expired")) as connection:
        assert connection.identity.certificate_sha256


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "HTTPS_PROXY"])
def test_the_environment_has_no_say(client: Client, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    pin, ca = client.pin("plain"), Certificates(ca_pem=client.lab.ask("ca"))
    monkeypatch.setenv(variable, "http://127.0.0.1:9" if variable.endswith("PROXY") else "/etc/ssl/none.pem")
    bmcs = RedfishBmcs(BmcTimeouts(connect_s=2, read_s=10))
    with bmcs.connect(client.endpoint("plain"), pin) as connection:
        assert connection.identity.uuid
    with bmcs.connect(client.endpoint("signed"), ca) as connection:
        assert connection.identity.uuid


def test_a_ca_bundle_that_is_none_is_said_to_be_none(client: Client) -> None:
    with pytest.raises(BmcCertificateUntrusted, match="holds no certificate"):
        client.bmcs.connect(client.endpoint("plain"), Certificates(ca_pem="not a certificate"))


def test_without_anything_to_check_by_nothing_is_connected_to(client: Client) -> None:
    with pytest.raises(BmcCertificateUntrusted, match="Nothing is known"):
        client.bmcs.connect(client.endpoint("plain"), Certificates())


def test_a_declared_trust_is_narrowed_to_one_device() -> None:
    pins = Trust(pins={"r1-s01": "ab" * 32})
    assert DeviceTrust.declared(pins, "r1-s01") == DeviceTrust(pin="ab" * 32)
    with pytest.raises(BmcCertificateUntrusted, match="No certificate pin is declared for r1-s02"):
        DeviceTrust.declared(pins, "r1-s02")
    assert DeviceTrust.declared(Trust(first_use=True), "r1-s02") == DeviceTrust(first_use=True)
    by_ca = DeviceTrust.declared(Trust(ca="site/s/ca"), "r1-s02")
    assert by_ca.ca is not None
    assert by_ca.ca.path == "site/s/ca"
