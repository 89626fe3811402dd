import pytest

from popups.rules import fits_platform, fits_version, is_range, parse_version


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.4.2", (1, 4, 2)),
        ("1.4.0", (1, 4)),
        (" v10.0 ", (10,)),
        ("1.2.3-beta+7", (1, 2, 3)),
        ("0", ()),
        ("", None),
        ("1.", None),
        ("１.2", None),
        ("1.2.3.4.5", None),
        ("latest", None),
        ("9" * 40, None),
    ],
)
def test_versions(text, expected):
    assert parse_version(text) == expected


@pytest.mark.parametrize(
    ("sent", "first", "last", "unknown", "fits"),
    [
        ("", "", "", False, True),
        ("1.9", "1.10", "", False, False),
        ("1.10", "1.10", "", False, True),
        ("2.0", "", "2", False, True),
        ("2.0.1", "", "2", False, False),
        ("1.5", "1.4", "1.6", False, True),
        ("", "1.4", "1.6", False, False),
        ("", "1.4", "1.6", True, True),
        ("1.3", "1.4", "1.6", True, False),
        ("0.0", "", "0.0", False, True),
        ("0.1", "", "0.0", False, False),
    ],
)
def test_a_range_holds_both_its_ends(sent, first, last, unknown, fits):
    assert fits_version(sent, first, last, unknown) is fits


def test_platforms():
    assert fits_platform("", [])
    assert fits_platform(" iOS ", ["ios", "web"])
    assert not fits_platform("android", ["ios"])
    assert not fits_platform("", ["ios"])


@pytest.mark.parametrize(
    ("first", "last", "any_fits"),
    [
        ("", "", True),
        ("2", "", True),
        ("", "1", True),
        ("1.4", "1.4.0", True),
        ("1.9", "1.10", True),
        ("2", "1", False),
    ],
)
def test_a_range_that_nothing_can_lie_in(first, last, any_fits):
    assert is_range(first, last) is any_fits
