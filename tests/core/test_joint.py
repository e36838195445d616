from openreels.core.joint import Joint


def test_map_applies_to_both():
    assert Joint(2, 3).map(lambda v: v * 10) == Joint(20, 30)


def test_zip_pairs_like_with_like():
    assert Joint("v", "a").zip(Joint(1, 2), lambda name, n: name * n) == Joint("v", "aa")
