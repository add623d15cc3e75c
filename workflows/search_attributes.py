"""The search attributes that operators filter by in the Temporal UI. Few and typed; set at the start, changed at phase ends.

`edgewright bootstrap` registers exactly these, in a development server and in a customer's cluster alike.
"""

from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

OPERATION_ID = SearchAttributeKey.for_keyword("EwOperation")
KIND = SearchAttributeKey.for_keyword("EwKind")
SITE = SearchAttributeKey.for_keyword("EwSite")
REGION = SearchAttributeKey.for_keyword("EwRegion")
TENANT = SearchAttributeKey.for_keyword("EwTenant")
PHASE = SearchAttributeKey.for_keyword("EwPhase")
BLOCKED = SearchAttributeKey.for_bool("EwBlocked")

ALL = (OPERATION_ID, KIND, SITE, REGION, TENANT, PHASE, BLOCKED)


def of_child(operation: str, region: str, site: str) -> TypedSearchAttributes:
    """What a child is found by: Temporal gives it nothing of its parent's."""
    given = ((OPERATION_ID, operation), (REGION, region), (SITE, site))
    return TypedSearchAttributes([SearchAttributePair(key, value) for key, value in given if value])


def mark(*updates: SearchAttributeUpdate[Any]) -> None:
    """Changes the running workflow's search attributes. Each call is an event and a write to visibility: at phase ends only."""
    workflow.upsert_search_attributes(updates)  # pyright: ignore[reportUnknownMemberType]
