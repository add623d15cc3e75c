"""What our stores count on, against the Postgres image of docker-compose.yml: the tests of tests/store, run there."""

import pytest

from tests.store.test_claims import *  # noqa: F403
from tests.store.test_declarations import *  # noqa: F403
from tests.store.test_ledger import *  # noqa: F403
from tests.store.test_migrating import *  # noqa: F403
from tests.store.test_operations import *  # noqa: F403
from tests.store.test_standing import *  # noqa: F403

pytestmark = [pytest.mark.containers, pytest.mark.timeout(3600)]
