"""YAML as people expect it."""

import pytest

from domain.documents import DocumentUnreadable, read_documents


def test_norway_is_a_country_and_on_is_a_word():
    assert read_documents("{jurisdiction: NO, on: 2026-11-01, lit: true}") == (
        {"jurisdiction": "NO", "on": "2026-11-01", "lit": True},
    )


def test_digits_with_a_leading_zero_and_times_stay_text():
    assert read_documents("[01.04.00, 0123, '12', 12:30, 12, -3, 1.5]") == (
        ["01.04.00", "0123", "12", "12:30", 12, -3, 1.5],
    )


def test_every_document_is_read_and_empty_ones_are_left_out():
    assert read_documents("a: 1\n---\n---\nb: 2\n") == ({"a": 1}, {"b": 2})


def test_what_is_no_yaml_is_refused_with_its_place():
    with pytest.raises(DocumentUnreadable, match=r"site\.yaml is no YAML at line 2"):
        read_documents("a: 1\n  b: [2\n", source="site.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", ["line 3: the key `a` is given twice (first in line 1)"]),
        ("x: &x {a: 1}\ny:\n  <<: *x\n", ["line 3: `<<` merges"]),
        ("{a: {b: 1, b: 2}, c: .inf}", ["the key `b` is given twice", ".inf is no number"]),
        ("a: .nan", ["line 1: .nan"]),
        ("a: 1e400\nb: 1.0e+400", ["line 2: 1.0e+400"]),
        ("a: " + "9" * 5000, ["is no int"]),
        ("a: 99999999999999999999", ["line 1: the number 99999999999999999999 is too large"]),
        ("a: 1\nb: !!int zz", ["line 2: 'zz' is no int"]),
        ("a: !!float zz", ["'zz' is no float"]),
        ("a: !!bool zz", ["'zz' is no bool"]),
        ("a: !!timestamp zz", ["!!timestamp is no kind of value"]),
        ("a: !!python/object:os.system x", ["no kind of value"]),
        ("1: a", ["line 1: a key is text"]),
        ("a: &a [*a]", ["it holds itself"]),
        ("a: &a " + "[x]\nb: &b [*a, *a]\n", []),
    ],
)
def test_what_json_cannot_say_or_a_reader_would_not_see_is_refused_with_its_line(text: str, said: list[str]):
    if not said:
        assert read_documents(text)
        return
    with pytest.raises(DocumentUnreadable) as caught:
        read_documents(text, source="site.yaml")
    for part in said:
        assert part in caught.value.message
    assert caught.value.message.startswith("site.yaml")


def test_aliases_of_aliases_do_not_fill_the_memory():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(DocumentUnreadable, match="values"):
        read_documents("\n".join(lines))


def test_what_is_nested_without_end_is_refused():
    with pytest.raises(DocumentUnreadable):
        read_documents("[" * 20_000)
