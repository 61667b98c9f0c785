"""What was returned of a window is known again, and takes no more room than the window has records."""

from producers.returned import Returned


def filled(*rows: tuple[str, str, int], most: int = 100) -> Returned:
    returned = Returned(most)
    for key, version, at in rows:
        returned.add(key, version, at)
    return returned


def test_the_version_that_was_returned_is_known_and_a_newer_one_is_not() -> None:
    returned = filled(("a", "1", 10))
    assert returned.has("a", "1")
    assert not returned.has("a", "2")
    assert not returned.has("b", "1")


def test_a_record_that_changes_over_and_over_takes_the_room_of_one() -> None:
    returned = filled(*(("a", str(number), number) for number in range(1000)))
    assert len(returned) == 1
    assert returned.has("a", "999")


def test_what_lies_before_the_window_is_forgotten_and_its_edge_is_not() -> None:
    returned = filled(("a", "1", 10), ("b", "1", 20), ("c", "1", 30))
    returned.forget_before(20)
    assert [returned.has(key, "1") for key in "abc"] == [False, True, True]


def test_a_record_that_changed_again_is_as_young_as_its_last_change() -> None:
    returned = filled(("a", "1", 10), ("b", "1", 20), ("a", "2", 30))
    returned.forget_before(25)
    assert [returned.has("a", "2"), returned.has("b", "1")] == [True, False]


def test_of_too_many_the_first_are_forgotten() -> None:
    returned = filled(*((key, "1", 10) for key in "abcd"), most=3)
    returned.forget_before(0)
    assert [returned.has(key, "1") for key in "abcd"] == [False, True, True, True]
