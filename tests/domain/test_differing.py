"""What differs between two values, and nothing else."""

from domain.differing import differing, short


def test_only_what_differs_is_told_however_deep() -> None:
    before = {"BIOS": "1.3", "GPUs": {"GPU0": "97.00", "GPU1": "97.00"}, "missing": []}
    after = {"BIOS": "1.4", "GPUs": {"GPU1": "97.00"}, "missing": []}
    assert list(differing("firmware", before, after)) == [
        ("firmware BIOS", "1.3", "1.4"),
        ("firmware GPUs GPU0", "97.00", "nothing"),
    ]


def test_parts_of_a_list_are_told_by_their_names() -> None:
    gpus = [{"slot": f"GPU{n}", "model": "L40S", "serial": f"SN{n}"} for n in range(8)]
    assert list(differing("gpus", gpus, gpus[1:])) == [("gpus", "GPU0", "nothing")]
    assert list(differing("gpus", [], gpus)) == [("gpus", "nothing", "8 entries")]


def test_long_values_and_links_are_short() -> None:
    assert len(short("x" * 500)) == 60
    assert short({"link": "dcim.sites/oslo-1"}) == "dcim.sites/oslo-1"
    assert (short(None), short("")) == ("nothing", "nothing")
