"""Settings: named values, merged by overlay."""

from __future__ import annotations

import pytest
from kaygraph import Config


def test_get_returns_the_value_or_the_default() -> None:
    config = Config(depth=1)
    assert config.get("depth") == 1
    assert config.get("width") is None
    assert config.get("width", 2) == 2


def test_set_and_update_change_values() -> None:
    config = Config(depth=1, width=1)
    config.set("depth", 2)
    config.update(width=3, height=4)
    assert config.to_dict() == {"depth": 2, "width": 3, "height": 4}


@pytest.mark.parametrize("other", [Config(depth=2, height=2), {"depth": 2, "height": 2}])
def test_merge_makes_a_new_config_in_which_the_other_wins(
    other: Config | dict[str, int],
) -> None:
    config = Config(depth=1, width=1)
    merged = config.merge(other)
    assert isinstance(merged, Config)
    assert merged.to_dict() == {"depth": 2, "width": 1, "height": 2}
    assert config.to_dict() == {"depth": 1, "width": 1}
    assert Config().merge(other).to_dict() == {"depth": 2, "height": 2}


def test_merging_nothing_makes_a_copy() -> None:
    config = Config(depth=1)
    merged = config.merge(None)
    merged.set("depth", 2)
    assert (config.get("depth"), merged.get("depth")) == (1, 2)


def test_to_dict_is_a_copy() -> None:
    config = Config(depth=1)
    config.to_dict()["depth"] = 2
    assert config.get("depth") == 1


def test_a_config_is_truthy_when_it_holds_anything() -> None:
    assert not Config()
    assert Config(depth=None)


def test_any_name_may_be_a_key() -> None:
    config = Config(self=1)
    config.update(self=2)
    assert config.merge({"key": 3}).to_dict() == {"self": 2, "key": 3}


def test_the_repr_names_the_keys_and_tells_no_value() -> None:
    assert repr(Config(token="secret", depth=1)) == "Config(depth, token)"
