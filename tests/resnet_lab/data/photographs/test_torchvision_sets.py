"""Oxford-IIIT Pet and Oxford 102 Flower, in torchvision's layout but of a few small images."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from torchvision import datasets

from resnet_lab.data import sources
from resnet_lab.data.photographs.listing import Part
from resnet_lab.data.photographs.torchvision_sets import list_set
from resnet_lab.errors import UserError
from resnet_lab.spec import DatasetName, DataSpec
from tests.resnet_lab.data.photographs.conftest import write_image


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two breeds with two images to train and one to test."""
    base = tmp_path / "oxford-iiit-pet"
    lines = {"trainval": [], "test": []}
    for label, breed in enumerate(["Abyssinian", "yorkshire_terrier"], 1):
        for index in range(3):
            write_image(base / "images" / f"{breed}_{index}.jpg", 10 * label + index)
            lines["trainval" if index else "test"].append(f"{breed}_{index} {label} 1 1")
    (base / "annotations").mkdir()
    for split, rows in lines.items():
        (base / "annotations" / f"{split}.txt").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_pets_are_listed_with_their_breeds(pets: Path) -> None:
    listing = list_set(DatasetName.OXFORD_PETS, pets)
    assert listing.classes == ("Abyssinian", "Yorkshire Terrier")
    assert [listing.count(part) for part in Part] == [4, 0, 2]
    assert listing.files[0].name == "oxford-iiit-pet/images/Abyssinian_0.jpg"


def test_flowers_are_listed_with_their_own_validation_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.Flowers102, "_check_integrity", lambda _: True)  # it knows the MD5 of the real lists
    base = tmp_path / "flowers-102"
    for index in range(1, 7):
        write_image(base / "jpg" / f"image_{index:05d}.jpg", index)
    savemat(base / "imagelabels.mat", {"labels": np.array([[1, 2, 1, 2, 1, 2]])})
    savemat(base / "setid.mat", {"trnid": [[1, 2]], "valid": [[3, 4]], "tstid": [[5, 6]]})
    listing = list_set(DatasetName.FLOWERS102, tmp_path)
    assert [listing.count(part) for part in Part] == [2, 2, 2]
    assert len(listing.classes) == 102
    assert [file.label for file in listing.files] == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("name", ["oxford_pets", "flowers102"])
def test_a_folder_without_the_set_says_what_it_should_hold(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"holds no {name} .*give --data-dir the folder that has"):
        list_set(DatasetName(name), tmp_path)


def test_a_damaged_image_of_a_published_set_is_an_error(pets: Path) -> None:
    (pets / "oxford-iiit-pet" / "images" / "Abyssinian_1.jpg").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"oxford_pets is damaged. 1 of 6 files .*Abyssinian_1\.jpg: cannot identify"):
        sources.photographs(DataSpec(name=DatasetName.OXFORD_PETS, size=16), pets)
