"""Laws of merge patch and difference, and the filters of a read."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lab.virtual.switch.trees import below, difference, included, leaves, lifted, merged, omitted, stripped, without

KEYS = st.sampled_from(["a", "b", "c", "swp1", "swp2"])
TREES = st.recursive(
    st.dictionaries(KEYS, st.integers(0, 3) | st.sampled_from(["on", "off"]), max_size=3),
    lambda inner: st.dictionaries(KEYS, inner | st.integers(0, 3), max_size=4),
    max_leaves=12,
)


@given(TREES, TREES)
def test_a_difference_turns_one_tree_into_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert merged(old, difference(old, new)) == new


@given(TREES)
def test_a_tree_does_not_differ_from_itself(tree: dict[str, Any]) -> None:
    assert difference(tree, tree) == {}
    assert merged(tree, {}) == tree
    assert stripped(tree) == tree


@given(TREES, TREES)
def test_applying_a_patch_twice_is_applying_it_once(tree: dict[str, Any], patch: dict[str, Any]) -> None:
    assert merged(merged(tree, patch), patch) == merged(tree, patch)


@given(TREES, TREES)
def test_nothing_changes_its_input(tree: dict[str, Any], patch: dict[str, Any]) -> None:
    before = repr((tree, patch))
    (
        merged(tree, patch),
        difference(tree, patch),
        without(tree, ("a", "b")),
        included(tree, ["/*/a"]),
        omitted(tree, ["/*/a"]),
    )
    assert repr((tree, patch)) == before


@given(TREES)
def test_including_everything_keeps_and_omitting_everything_removes(tree: dict[str, Any]) -> None:
    assert included(tree, ["/*"]) == tree
    assert omitted(tree, ["/*"]) == {}


@given(TREES)
def test_every_leaf_is_below_its_path_and_lifting_brings_it_back(tree: dict[str, Any]) -> None:
    for path, value in leaves(tree):
        assert below(tree, path) == value
        assert below(lifted(value, path), path) == value


def test_without_removes_a_subtree_and_what_is_not_there_is_no_error() -> None:
    assert without({"a": {"b": 1, "c": 2}}, ("a", "b")) == {"a": {"c": 2}}
    assert without({"a": {"b": 1}}, ()) == {}
    assert without({"a": 1}, ("x",)) == {"a": 1}
