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
