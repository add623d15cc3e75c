"""Configuration trees: merge patch (RFC 7396, `null` deletes), difference, paths and filters. Nothing here changes its input."""

from collections.abc import Iterator, Sequence
from typing import Any

type Tree = dict[str, Any]


def merged(tree: Any, patch: Any) -> Any:
    """The tree with the patch applied; an object stays when its last key goes, as NVUE keeps `{}`."""
    if not isinstance(patch, dict):
        return patch
    result: Tree = dict(tree) if isinstance(tree, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def difference(old: Any, new: Any) -> Tree:
    """The merge patch that turns `old` into `new`; empty if they are the same."""
    patch: Tree = {}
    for key in new:
        if key not in old:
            patch[key] = new[key]
        elif isinstance(old[key], dict) and isinstance(new[key], dict):
            if inner := difference(old[key], new[key]):
                patch[key] = inner
        elif old[key] != new[key]:
            patch[key] = new[key]
    for key in old:
        if key not in new:
            patch[key] = None
    return patch


def below(tree: Any, path: Sequence[str]) -> Any:
    """The value at a path; raises `KeyError` where there is none."""
    for key in path:
        if not isinstance(tree, dict):
            raise KeyError(key)
        tree = tree[key]
    return tree


def lifted(value: Any, path: Sequence[str]) -> Tree:
    """The value as a tree from the root: the inverse of `below`."""
    for key in reversed(path):
        value = {key: value}
    return value


def without(tree: Tree, path: Sequence[str]) -> Tree:
    """The tree without the subtree at a path; unset of what is not there changes nothing."""
    return {} if not path else merged(tree, lifted(None, path))


def leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every scalar and every empty object with its path."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    else:
        yield path, tree


def included(tree: Any, patterns: Sequence[str]) -> Any:
    """Only what the patterns name: `/*/type`, `/swp1/link/state`; `*` is any one key."""
    result: Tree = {}
    for pattern in patterns:
        result = merged(result, _picked(tree, pattern.strip("/").split("/")))
    return result


def _picked(tree: Any, steps: Sequence[str]) -> Any:
    if not steps:
        return tree
    if not isinstance(tree, dict):
        return {}
    keys = list(tree) if steps[0] == "*" else [steps[0]] if steps[0] in tree else []
    picked = {key: _picked(tree[key], steps[1:]) for key in keys}
    return {key: value for key, value in picked.items() if len(steps) == 1 or value != {}}


def omitted(tree: Any, patterns: Sequence[str]) -> Any:
    """Everything but what the patterns name."""
    for pattern in patterns:
        tree = _dropped(tree, pattern.strip("/").split("/"))
    return tree


def _dropped(tree: Any, steps: Sequence[str]) -> Any:
    if not isinstance(tree, dict):
        return tree
    last = len(steps) == 1
    return {
        key: value if steps[0] not in ("*", key) else _dropped(value, steps[1:])
        for key, value in tree.items()
        if not (last and steps[0] in ("*", key))
    }


def stripped(tree: Any) -> Any:
    """Without the `null`s of a merge patch: what stays when it is applied to nothing."""
    if isinstance(tree, dict):
        return {key: stripped(value) for key, value in tree.items() if value is not None}
    return tree
