"""The search attributes that operators filter by in the Temporal UI. Few and typed; set at the start, changed at phase ends.

`edgewright bootstrap` registers exactly these, in a development server and in a customer's cluster alike.
"""

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

OPERATION_ID = SearchAttributeKey.for_keyword("EwOperation")
KIND = SearchAttributeKey.for_keyword("EwKind")
SITE = SearchAttributeKey.for_keyword("EwSite")
REGION = SearchAttributeKey.for_keyword("EwRegion")
TENANT = SearchAttributeKey.for_keyword("EwTenant")
PHASE = SearchAttributeKey.for_keyword("EwPhase")
BLOCKED = SearchAttributeKey.for_bool("EwBlocked")

ALL = (OPERATION_ID, KIND, SITE, REGION, TENANT, PHASE, BLOCKED)


def mark(*updates: SearchAttributeUpdate[Any]) -> None:
    """Changes the running workflow's search attributes. Each call is an event and a write to visibility: at phase ends only."""
    workflow.upsert_search_attributes(updates)  # pyright: ignore[reportUnknownMemberType]
