"""Ensures what `domain.netbox_schema` lists, also on a customer's NetBox full of other people's things.

Ours is created or widened, never narrowed: object types and choices are added, nothing of anybody is removed.
"""

from collections.abc import Sequence
from typing import cast

from clients.netbox.session import NetBoxSession, Row
from domain.inventory import InventoryRefused
from domain.netbox_schema import (
    CHOICE_SETS,
    CUSTOM_FIELDS,
    DEVICE_ROLES,
    FIELD_GROUP,
    TAGS,
    ChoiceSet,
    CustomField,
    FieldType,
    Missing,
    SchemaState,
)

CHOICES, FIELDS, TAG_PATH, ROLES = (
    "extras/custom-field-choice-sets",
    "extras/custom-fields",
    "extras/tags",
    "dcim/device-roles",
)


class _Step:
    """One thing to do, and how it is said."""

    def __init__(self, path: str, payload: Row, missing: Missing, number: int | None = None) -> None:
        self.path, self.payload, self.missing, self.number = path, payload, missing, number

    def run(self, session: NetBoxSession) -> None:
        if self.number is None:
            session.create_one(self.path, self.payload)
        else:
            session.update(self.path, [{"id": self.number, **self.payload}])


def bootstrap(session: NetBoxSession) -> SchemaState:
    """Makes what is missing. Twice changes nothing. Raises `InventoryRefused` on a clash that a person must settle."""
    choice_steps = _choice_sets(session)
    for step in choice_steps:
        step.run(session)
    steps = [*_fields(session), *_tags(session), *_roles(session)]
    for step in steps:
        step.run(session)
    return SchemaState(changed=tuple(step.missing for step in (*choice_steps, *steps)))


def check(session: NetBoxSession) -> SchemaState:
    """What `bootstrap` would do; a clash shows as missing too."""
    try:
        steps = [*_choice_sets(session), *_fields(session), *_tags(session), *_roles(session)]
    except InventoryRefused as clash:
        return SchemaState(missing=(Missing(kind="clash", name="netbox", what=clash.message),))
    return SchemaState(missing=tuple(step.missing for step in steps))


def _by_name(rows: Sequence[Row], name: str = "name") -> dict[str, Row]:
    return {str(row[name]): row for row in rows}


def _choice_sets(session: NetBoxSession) -> list[_Step]:
    there = _by_name(session.rows(CHOICES, {"name": [wanted.name for wanted in CHOICE_SETS]}))
    steps: list[_Step] = []
    for wanted in CHOICE_SETS:
        seen = there.get(wanted.name)
        if seen is None:
            steps.append(
                _Step(
                    CHOICES,
                    {
                        "name": wanted.name,
                        "extra_choices": [[c, c] for c in wanted.choices],
                        "order_alphabetically": False,
                    },
                    Missing(kind="choice set", name=wanted.name, what="missing"),
                )
            )
            continue
        step = _widen_choices(wanted, seen)
        if step is not None:
            steps.append(step)
    return steps


def _widen_choices(wanted: ChoiceSet, seen: Row) -> _Step | None:
    kept = [[str(pair[0]), str(pair[1])] for pair in cast(list[list[str]], seen.get("extra_choices") or [])]
    new = [choice for choice in wanted.choices if choice not in {pair[0] for pair in kept}]
    if not new:
        return None
    return _Step(
        CHOICES,
        {"extra_choices": [*kept, *([choice, choice] for choice in new)]},
        Missing(kind="choice set", name=wanted.name, what=f"lacks {', '.join(new)}"),
        seen["id"],
    )


def _fields(session: NetBoxSession) -> list[_Step]:
    there = _by_name(session.rows(FIELDS, {"name": [str(wanted.name) for wanted in CUSTOM_FIELDS]}))
    steps: list[_Step] = []
    for wanted in CUSTOM_FIELDS:
        seen = there.get(wanted.name)
        if seen is None:
            steps.append(_Step(FIELDS, _field(wanted), Missing(kind="custom field", name=wanted.name, what="missing")))
            continue
        _refuse_clash(wanted, seen)
        repair, words = _repair(wanted, seen)
        if repair:
            missing = Missing(kind="custom field", name=wanted.name, what=words)
            steps.append(_Step(FIELDS, repair, missing, seen["id"]))
    return steps


def _field(wanted: CustomField) -> Row:
    row: Row = {
        "name": str(wanted.name),
        "type": str(wanted.type),
        "label": wanted.label,
        "description": wanted.description,
        "group_name": FIELD_GROUP,
        "object_types": list(wanted.object_types),
        "ui_visible": "always" if wanted.type is FieldType.SELECT else "if-set",
        "ui_editable": "no",
        "filter_logic": "exact",
        "is_cloneable": False,
    }
    if wanted.choice_set is not None:
        row["choice_set"] = {"name": wanted.choice_set}
    return row


def _refuse_clash(wanted: CustomField, seen: Row) -> None:
    """Data of another type cannot be ours to convert: NetBox does not change a field's type, nor do we delete one."""
    theirs = str(cast(Row, seen["type"])["value"])
    if theirs != wanted.type:
        raise InventoryRefused(
            f"NetBox has a custom field {wanted.name} of type {theirs}; Edgewright needs it as {wanted.type}.",
            do=f"Rename or remove the field {wanted.name} in NetBox (Customization → Custom Fields), then bootstrap again.",
        )
    choices = cast(Row, seen.get("choice_set") or {}).get("name")
    if wanted.choice_set is not None and choices != wanted.choice_set:
        raise InventoryRefused(
            f"NetBox's custom field {wanted.name} chooses from {choices}; Edgewright needs {wanted.choice_set}.",
            do=f"Rename or remove the field {wanted.name} in NetBox, then bootstrap again.",
        )


def _repair(wanted: CustomField, seen: Row) -> tuple[Row, str]:
    repair: Row = {}
    words: list[str] = []
    types = [str(name) for name in cast(list[str], seen.get("object_types") or [])]
    lacking = [name for name in wanted.object_types if name not in types]
    if lacking:
        repair["object_types"] = [*types, *lacking]
        words.append(f"lacks {', '.join(lacking)}")
    for name, value in (("ui_editable", "no"), ("filter_logic", "exact")):
        if cast(Row, seen.get(name) or {}).get("value") != value:
            repair[name] = value
            words.append(f"{name} is not {value}")
    return repair, "; ".join(words)


def _tags(session: NetBoxSession) -> list[_Step]:
    there = _by_name(session.rows(TAG_PATH, {"slug": [tag.slug for tag in TAGS]}), "slug")
    return [
        _Step(TAG_PATH, tag.model_dump(), Missing(kind="tag", name=tag.slug, what="missing"))
        for tag in TAGS
        if tag.slug not in there
    ]


def _roles(session: NetBoxSession) -> list[_Step]:
    there = _by_name(session.rows(ROLES, {"slug": [role.slug for role in DEVICE_ROLES]}), "slug")
    named = _by_name(session.rows(ROLES, {"name": [role.name for role in DEVICE_ROLES]}))
    steps: list[_Step] = []
    for role in DEVICE_ROLES:
        if role.slug in there:
            continue
        if role.name in named:
            raise InventoryRefused(
                f"NetBox has a device role called {role.name} with the slug {named[role.name]['slug']}; "
                f"Edgewright needs the slug {role.slug}.",
                do="Rename that role in NetBox, or give it our slug, then bootstrap again.",
            )
        steps.append(
            _Step(
                ROLES,
                {**role.model_dump(), "vm_role": False},
                Missing(kind="device role", name=role.slug, what="missing"),
            )
        )
    return steps
