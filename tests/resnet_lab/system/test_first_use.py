import pytest

from resnet_lab.system.first_use import imported_on_first_use


def test_a_name_is_imported_from_its_place_and_any_other_is_no_attribute():
    find = imported_on_first_use("resnet_lab", {"UserError": "errors"})
    assert find("UserError").__module__ == "resnet_lab.errors"
    with pytest.raises(AttributeError, match="module 'resnet_lab' has no attribute 'usererror'"):
        find("usererror")
