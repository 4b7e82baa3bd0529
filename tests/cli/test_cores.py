"""Work on all cores: in order, bounded, and its errors are the caller's."""

from __future__ import annotations

import pytest

from tieout.cores import CoreMap


def test_work_on_several_cores_keeps_its_order():
    under_way, most = [], []

    def square(value):
        under_way.append(value)
        most.append(len(under_way))
        under_way.remove(value)
        return value * value

    with CoreMap(3) as cores:
        assert list(cores(square, iter(range(50)))) == [value * value for value in range(50)]
    assert max(most) <= 3


def test_an_error_of_the_work_reaches_the_caller():
    def fail(value):
        return 1 // value

    with CoreMap(2) as cores, pytest.raises(ZeroDivisionError):
        list(cores(fail, [1, 2, 0, 3]))
