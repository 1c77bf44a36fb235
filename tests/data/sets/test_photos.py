"""Published photos of many sizes in tiny folders of their own forms, as torchvision reads them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

from moe_search.data.catalogue import user_cache
from moe_search.data.load import read
from moe_search.data.survey import survey
from moe_search.errors import UserError
from moe_search.spec import Data
from moe_search.spec.kinds.data_sets import DATA_SETS

SIDE = 12
BREEDS = ["Abyssinian", "american_bulldog", "Bengal", *(f"dog_{n:02}" for n in range(34))]
VARIANTS = [f"Boeing {n}/B" for n in range(100, 0, -1)]

random = np.random.default_rng


def photo(file: Path, seed: int, mode: str = "RGB") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    height, width = random(seed).integers(8, 24, 2)
    x_HWC = random(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    Image.fromarray(x_HWC).convert(mode).save(
        file, "JPEG" if "jp" in file.suffix.lower() else "PNG"
    )


def in_folders(folder: Path, classes: Iterable[str], photos: int, name: str, seed: int = 0) -> None:
    for number, own in enumerate(classes):
        for n in range(1, photos + 1):
            photo(folder / own / name.format(own=own, n=n), 1000 * seed + 10 * number + n)


def eurosat(root: Path) -> None:
    classes = [f"{kind}{n}" for kind in ("Crop", "Forest") for n in range(5)]
    in_folders(root / "eurosat" / "2750", classes, 5, "{own}_{n}.jpg")


def caltech101(root: Path) -> None:
    classes = ["BACKGROUND_Google", "Faces", "Faces_easy", *(f"car_{n:03}" for n in range(99))]
    in_folders(root / "caltech101" / "101_ObjectCategories", classes, 5, "image_{n:04}.jpg")


def caltech256(root: Path) -> None:
    folder = root / "caltech256" / "256_ObjectCategories"
    for number in range(1, 258):
        own = f"{number:03}.thing{number}"
        in_folders(folder, [own], 5, f"{number:03}_{{n:04}}.jpg", number)
    photo(folder / "056.thing56" / "greg" / "056_0099.jpg", 0)
    (folder / "198.thing198" / "RENAME2").touch()


def omniglot(root: Path) -> None:
    folder = root / "omniglot-py" / "images_background"
    for seed in range(964):
        for n in range(5):
            own = folder / ("Tifinagh", "Greek")[seed % 2] / f"character{seed:03}"
            photo(own / f"0394_{n:02}.png", 5 * seed + n, "1")


def lfw_people(root: Path) -> None:
    folder = root / "lfw-py"
    counts = {"Ann_Odd": 19, **{f"Person_{n:02}": 20 for n in range(61, -1, -1)}}
    for seed, (own, count) in enumerate(counts.items()):
        in_folders(folder / "lfw_funneled", [own], count, "{own}_{n:04}.jpg", seed)
    (folder / "lfw_funneled" / "pairs_01.txt").touch()
    lines = [f"{own}\t{count}\n" for own, count in counts.items()]
    (folder / "people.txt").write_text("".join(["1\n", f"{len(lines)}\n", *lines]))
    (folder / "lfw-names.txt").write_text("".join(lines))


def imagenette(root: Path) -> None:
    for seed, split in enumerate(("train", "val")):
        folder = root / "imagenette2" / split
        in_folders(folder, datasets.Imagenette._WNID_TO_CLASS, 3, "{own}_{n}.JPEG", seed)
    (root / "imagenette2" / "noisy_imagenette.csv").touch()


def rendered_sst2(root: Path) -> None:
    for seed, split in enumerate(("train", "valid", "test")):
        folder = root / "rendered-sst2" / split
        in_folders(folder, ("positive", "negative"), 3, "{n}.png", seed)


def dtd(root: Path) -> None:
    folder = root / "dtd" / "dtd"
    classes = ["polka-dotted", "banded", *(f"woven{n}" for n in range(45))]
    in_folders(folder / "images", classes, 3, "{own}_{n:04}.jpg")
    (folder / "labels").mkdir()
    for n, split in enumerate(("train", "val", "test"), 1):
        lines = "".join(f"{own}/{own}_{n:04}.jpg\n" for own in classes)
        (folder / "labels" / f"{split}1.txt").write_text(lines)


def oxford_iiit_pet(root: Path) -> None:
    folder = root / "oxford-iiit-pet"
    (folder / "annotations").mkdir(parents=True)
    for seed, split in enumerate(("trainval", "test")):
        lines = []
        for number, breed in enumerate(BREEDS, 1):
            photo(folder / "images" / f"{breed}_{seed}.jpg", 100 * seed + number)
            lines.append(f"{breed}_{seed} {number} 2 1\n")
        (folder / "annotations" / f"{split}.txt").write_text("".join(reversed(lines)))
    (folder / "images" / f"{BREEDS[0]}_0.mat").touch()


def fgvc_aircraft(root: Path) -> None:
    folder = root / "fgvc-aircraft-2013b" / "data"
    for seed, split in enumerate(("trainval", "test")):
        lines = []
        for number, variant in enumerate(sorted(VARIANTS)):
            photo(folder / "images" / f"{seed}{number:06}.jpg", 100 * seed + number)
            lines.append(f"{seed}{number:06} {variant}\n")
        (folder / f"images_variant_{split}.txt").write_text("".join(lines))
    (folder / "variants.txt").write_text("\n".join(VARIANTS) + "\n")


def flowers102(root: Path) -> None:
    folder = root / "flowers-102"
    for number in range(1, 307):
        photo(folder / "jpg" / f"image_{number:05}.jpg", number)
    ids = random(0).permutation(306).reshape(3, 102) + 1
    labels = np.zeros(306, np.uint8)
    labels[ids - 1] = np.arange(102) + 1
    savemat(folder / "imagelabels.mat", {"labels": labels})
    savemat(folder / "setid.mat", dict(zip(("trnid", "valid", "tstid"), ids, strict=True)))


def stanford_cars(root: Path) -> None:
    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    names = np.array([f"Make {n} Coupe" for n in range(196, 0, -1)], object)
    savemat(folder / "devkit" / "cars_meta.mat", {"class_names": names})
    for seed, file in enumerate(("devkit/cars_train_annos", "cars_test_annos_withlabels")):
        rows = np.zeros(196, [(name, object) for name in ("bbox_x1", "class", "fname")])
        for n, label in enumerate(random(seed).permutation(196) + 1):
            rows[n] = (1, label, f"{n:05}.jpg")
            photo(folder / ("cars_train", "cars_test")[seed] / f"{n:05}.jpg", 1000 * seed + n)
        savemat(folder / f"{file}.mat", {"annotations": rows})


@dataclass(frozen=True)
class Form:
    """How a data set is written; what of torchvision's is its training and its test split."""

    write: Callable[[Path], None]
    theirs: Callable[..., Any]
    training: tuple[str, ...]
    test: str = "test"
    names: Callable[[Any], Iterable[str]] = lambda theirs: theirs.classes


FORMS = {
    "imagenette": Form(
        imagenette,
        datasets.Imagenette,
        ("train",),
        "val",
        names=lambda theirs: [names[0] for names in theirs.classes],
    ),
    "rendered_sst2": Form(rendered_sst2, datasets.RenderedSST2, ("train", "val")),
    "dtd": Form(dtd, datasets.DTD, ("train", "val")),
    "oxford_iiit_pet": Form(
        oxford_iiit_pet, datasets.OxfordIIITPet, ("trainval",), names=lambda _: BREEDS
    ),
    "fgvc_aircraft": Form(fgvc_aircraft, datasets.FGVCAircraft, ("trainval",)),
    "flowers102": Form(flowers102, datasets.Flowers102, ("train", "val")),
    "stanford_cars": Form(stanford_cars, datasets.StanfordCars, ("train",)),
}

DRAWN: dict[str, tuple[Callable[[Path], None], Callable[..., Any], str]] = {
    "eurosat": (eurosat, datasets.EuroSAT, "classes"),
    "caltech101": (caltech101, datasets.Caltech101, "categories"),
    "caltech256": (caltech256, datasets.Caltech256, "categories"),
    "omniglot": (omniglot, datasets.Omniglot, "_characters"),
}


@pytest.fixture(autouse=True)
def of_any_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """These compare files with published ones."""
    for module in ("flowers102", "omniglot", "lfw"):
        monkeypatch.setattr(f"torchvision.datasets.{module}.check_integrity", lambda *_: True)


def squares(theirs: Iterable[tuple[Image.Image, int]]) -> list[tuple[npt.NDArray[np.uint8], int]]:
    """Their samples in the size that is asked for, [C, H, W]."""
    size, bilinear = (SIDE, SIDE), Image.Resampling.BILINEAR
    return [
        (np.asarray(image.convert("RGB").resize(size, bilinear)).transpose(2, 0, 1), label)
        for image, label in theirs
    ]


def source(name: str, root: Path) -> Data:
    return Data(name=name, root=root, image_size=SIDE)


@pytest.mark.parametrize("name", FORMS)
def test_photos_and_labels_are_those_that_torchvision_reads(name: str, tmp_path: Path) -> None:
    form = FORMS[name]
    form.write(tmp_path)
    raw = read(source(name, tmp_path), test=True)
    parts = [form.theirs(str(tmp_path), split=split) for split in (*form.training, form.test)]
    assert list(raw.classes) == list(form.names(parts[0]))
    assert raw.validation is None
    assert raw.test is not None
    for split, expected in ((raw.training, chain(*parts[:-1])), (raw.test, parts[-1])):
        samples = squares(expected)
        assert (split.x.dtype, split.y.dtype) == (np.uint8, np.int64)
        assert split.y.tolist() == [label for _, label in samples]
        assert np.array_equal(split.x, [x_CHW for x_CHW, _ in samples])


@pytest.mark.parametrize("name", DRAWN)
def test_without_a_test_split_a_fixed_fifth_is_it(name: str, tmp_path: Path) -> None:
    write, theirs, classes = DRAWN[name]
    write(tmp_path)
    raw, again = (
        read(source(name, tmp_path).model_copy(update={"seed": seed}), test=True) for seed in (0, 1)
    )
    expected = theirs(str(tmp_path))
    names = getattr(expected, classes)  # Omniglot's are in the order of the disk
    assert list(raw.classes) == sorted(names)
    assert raw.test is not None
    assert again.test is not None
    assert np.array_equal(raw.test.x, again.test.x)
    assert np.bincount(raw.test.y).tolist() == [1] * len(raw.classes)
    ours = [
        (x_CHW.tobytes(), raw.classes[label])
        for split in (raw.training, raw.test)
        for x_CHW, label in zip(split.x, split.y.tolist(), strict=True)
    ]
    assert sorted(ours) == sorted(
        (x_CHW.tobytes(), names[label]) for x_CHW, label in squares(expected)
    )


@pytest.mark.parametrize("name", [name for name in (*FORMS, *DRAWN) if name != "stanford_cars"])
def test_what_torchvision_fetches_is_found_in_the_cache(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = FORMS.get(name)
    write, theirs = (form.write, form.theirs) if form else DRAWN[name][:2]

    def fetch(self: Any) -> None:
        root = Path(self.root)
        write(root.parent if root.name in (name, "omniglot-py") else root)

    monkeypatch.setenv("MOE_SEARCH_DATA", str(tmp_path / "nothing"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(theirs, "download" if hasattr(theirs, "download") else "_download", fetch)
    data_set = DATA_SETS[name].load()
    assert data_set.downloads(None)
    raw = read(Data(name=name, image_size=SIDE), test=True)
    assert len(raw.classes) == data_set.count
    assert not data_set.downloads(None)
    assert list(user_cache().glob(".*")) == []


def test_lfw_is_its_people_of_many_photos(tmp_path: Path) -> None:
    lfw_people(tmp_path)
    raw = read(source("lfw_people", tmp_path), test=True)
    assert raw.classes == tuple(f"Person_{n:02}" for n in range(62))
    assert raw.test is not None
    assert np.bincount(raw.training.y).tolist() == [16] * 62
    assert np.bincount(raw.test.y).tolist() == [4] * 62
    theirs = datasets.LFWPeople(str(tmp_path))
    names = {number: name for name, number in theirs.class_to_idx.items()}
    assert len(names) == 63
    expected = {(x_CHW.tobytes(), names[label]) for x_CHW, label in squares(theirs)}
    ours = {
        (x_CHW.tobytes(), raw.classes[label])
        for split in (raw.training, raw.test)
        for x_CHW, label in zip(split.x, split.y.tolist(), strict=True)
    }
    assert ours == {(pixels, name) for pixels, name in expected if name != "Ann_Odd"}


@pytest.mark.parametrize(
    ("name", "called"), [("stanford_cars", "StanfordCars"), ("lfw_people", "LFWPeople")]
)
def test_some_are_fetched_by_hand(
    name: str, called: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOE_SEARCH_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UserError, match=rf"{called}: not found; fetch it from https://\S+, and"):
        read(source(name, tmp_path), test=False)


def test_init_looks_at_the_photos_for_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dtd(tmp_path)
    monkeypatch.setenv("MOE_SEARCH_DATA", str(tmp_path))
    found = survey("dtd")
    assert found.source.model_fields_set == {"name", "image_size", "channels"}
    assert found.shape == (3, found.source.image_size, found.source.image_size)
    assert 8 <= found.source.image_size < 24
    assert found.counts == dict.fromkeys(found.counts, 2)
    assert len(found.counts) == 47


@pytest.mark.parametrize("name", ["dtd", "caltech101"])
def test_photos_that_cannot_be_read_are_left_out_if_asked(name: str, tmp_path: Path) -> None:
    {"dtd": dtd, "caltech101": caltech101}[name](tmp_path)
    whole = read(source(name, tmp_path), test=True)
    photo = sorted(tmp_path.rglob("*_0001.jpg"))[-1]
    photo.write_bytes(b"no photo")
    with pytest.raises(UserError, match=rf"{photo.name}: not a readable image .*unreadable: skip"):
        read(source(name, tmp_path), test=True)
    left = read(source(name, tmp_path).model_copy(update={"unreadable": "skip"}), test=True)
    assert left.test is not None
    assert whole.test is not None
    assert len(left.training.y) + len(left.test.y) == len(whole.training.y) + len(whole.test.y) - 1
    assert len(left.training.x) == len(left.training.y)


def test_missing_classes_are_told(tmp_path: Path) -> None:
    imagenette(tmp_path)
    (tmp_path / "imagenette2" / "train" / "n03888257").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="imagenette2/val: 'n03888257' is no class; put the orig"):
        read(source("imagenette", tmp_path), test=True)
    (tmp_path / "imagenette2" / "val" / "n03888257").rename(tmp_path / "also-elsewhere")
    with pytest.raises(UserError, match="training photos of 9 classes, expected 10; put the orig"):
        read(source("imagenette", tmp_path), test=True)


DAMAGE: dict[str, tuple[Callable[[Path], None], str, bytes, str]] = {
    "dtd": (dtd, "dtd/dtd/labels/val1.txt", b"banded\n", "line 1 names no photo and its class: "),
    "oxford_iiit_pet": (
        oxford_iiit_pet,
        "oxford-iiit-pet/annotations/test.txt",
        b"Bengal_1 3 1 1\nPersian_1 24 1 1\n",
        "'Persian' is no class",
    ),
    "fgvc_aircraft": (
        fgvc_aircraft,
        "fgvc-aircraft-2013b/data/variants.txt",
        b"\xff",
        "cannot be read",
    ),
    "flowers102": (flowers102, "flowers-102/setid.mat", b"no matlab", "cannot be read"),
    "stanford_cars": (
        stanford_cars,
        "stanford_cars/cars_test_annos_withlabels.mat",
        b"no matlab",
        "cannot be read",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    write, file, content, message = DAMAGE[name]
    write(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=rf"{Path(file).name}: {message}[^\n]*put the original"):
        read(source(name, tmp_path), test=True)


def test_flowers_need_a_label_each(tmp_path: Path) -> None:
    flowers102(tmp_path)
    labels = tmp_path / "flowers-102" / "imagelabels.mat"
    savemat(labels, {"labels": np.ones(300, np.uint8)})
    with pytest.raises(UserError, match=r"imagelabels.mat: has no image 30\d of .*setid.mat"):
        read(source("flowers102", tmp_path), test=True)
    savemat(labels, {"labels": np.full(306, 103, np.uint8)})
    with pytest.raises(UserError, match=r"imagelabels.mat: '103' is no class"):
        read(source("flowers102", tmp_path), test=True)
