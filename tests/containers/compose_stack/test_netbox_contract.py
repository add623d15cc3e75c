"""What our NetBox client counts on, against the NetBox image of docker-compose.yml: the tests of tests/clients/netbox, run there."""

import pytest

from tests.clients.netbox.conftest import *  # noqa: F403
from tests.clients.netbox.test_states_and_pools import *  # noqa: F403

pytestmark = [pytest.mark.containers, pytest.mark.timeout(3600)]
