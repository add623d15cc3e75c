"""One served rack for the tests that leave it as they found it; tests that break things start their own."""

from collections.abc import Iterator

import pytest

from tests.lab.virtual.site_fixtures import TestSite, running_site


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestSite]:
    with running_site("one-rack", tmp_path_factory.mktemp("rack")) as site:
        yield site
