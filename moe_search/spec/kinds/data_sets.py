"""Data sets: what is learned."""

from dataclasses import dataclass

from moe_search.spec.kinds.kind import Kind, Kinds


@dataclass(frozen=True, kw_only=True)
class DataSetKind(Kind):
    """A data set; ``made_by`` names a ``moe_search.data.sets.base.DataSet``.

    Attributes:
        path: what ``data.path`` names, where the data is a user's own; None where it needs none.
        preset: the backbone that ``auto`` takes; None for one that fits the samples.
        keys: of ``OPTIONS`` those that have a meaning for it.
    """

    path: str | None = None
    preset: str | None = None
    keys: tuple[str, ...] = ()


OPTIONS = ("label", "features", "drop", "split", "layout", "unreadable")
"""Keys of the data section that a data set must ask for."""

DATA_SETS = Kinds(
    DataSetKind,
    {
        "digits": DataSetKind(
            meaning="1,797 grey digits of 8 x 8; comes with scikit-learn",
            made_by="moe_search.data.sets.sklearn_sets:DIGITS",
            preset="digits",
        ),
        "breast_cancer": DataSetKind(
            meaning="569 tumours of 30 features; comes with scikit-learn",
            made_by="moe_search.data.sets.sklearn_sets:BREAST_CANCER",
        ),
        "wine": DataSetKind(
            meaning="178 wines of 13 features; comes with scikit-learn",
            made_by="moe_search.data.sets.sklearn_sets:WINE",
        ),
        "iris": DataSetKind(
            meaning="150 irises of 4 features; comes with scikit-learn",
            made_by="moe_search.data.sets.sklearn_sets:IRIS",
        ),
        "mnist": DataSetKind(
            meaning="70,000 handwritten digits, grey, 28 x 28",
            made_by="moe_search.data.sets.idx:MNIST",
            preset="mnist",
        ),
        "fashion_mnist": DataSetKind(
            meaning="70,000 pieces of clothing, grey, 28 x 28",
            made_by="moe_search.data.sets.idx:FASHION_MNIST",
            preset="fashion_mnist",
        ),
        "cifar10": DataSetKind(
            meaning="60,000 photos of 10 classes, 32 x 32",
            made_by="moe_search.data.sets.cifar:CIFAR10",
            preset="cifar10",
        ),
        "cifar100": DataSetKind(
            meaning="60,000 photos of 100 classes, 32 x 32",
            made_by="moe_search.data.sets.cifar:CIFAR100",
            preset="cifar100",
        ),
        "kmnist": DataSetKind(
            meaning="70,000 handwritten Japanese letters, grey, 28 x 28",
            made_by="moe_search.data.sets.idx:KMNIST",
        ),
        "qmnist": DataSetKind(
            meaning="120,000 handwritten digits, grey, 28 x 28",
            made_by="moe_search.data.sets.idx:QMNIST",
        ),
        "emnist_balanced": DataSetKind(
            meaning="131,600 handwritten digits and letters, as many of each of 47, grey, 28 x 28",
            made_by="moe_search.data.sets.idx:EMNIST_BALANCED",
        ),
        "emnist_bymerge": DataSetKind(
            meaning="814,255 handwritten digits and letters of 47 classes, grey, 28 x 28",
            made_by="moe_search.data.sets.idx:EMNIST_BYMERGE",
        ),
        "emnist_byclass": DataSetKind(
            meaning="814,255 handwritten digits and letters of 62 classes, grey, 28 x 28",
            made_by="moe_search.data.sets.idx:EMNIST_BYCLASS",
        ),
        "emnist_letters": DataSetKind(
            meaning="145,600 handwritten letters, grey, 28 x 28",
            made_by="moe_search.data.sets.idx:EMNIST_LETTERS",
        ),
        "emnist_digits": DataSetKind(
            meaning="280,000 handwritten digits, grey, 28 x 28",
            made_by="moe_search.data.sets.idx:EMNIST_DIGITS",
        ),
        "emnist_mnist": DataSetKind(
            meaning="70,000 handwritten digits, grey, 28 x 28",
            made_by="moe_search.data.sets.idx:EMNIST_MNIST",
        ),
        "usps": DataSetKind(
            meaning="9,298 digits of envelopes, grey, 16 x 16",
            made_by="moe_search.data.sets.usps:USPS",
        ),
        "semeion": DataSetKind(
            meaning="1,593 handwritten digits, black and white, 16 x 16",
            made_by="moe_search.data.sets.semeion:SEMEION",
        ),
        "svhn": DataSetKind(
            meaning="99,289 digits of house numbers, 32 x 32",
            made_by="moe_search.data.sets.svhn:SVHN",
        ),
        "stl10": DataSetKind(
            meaning="13,000 photos of 10 classes, 96 x 96",
            made_by="moe_search.data.sets.stl10:STL10",
        ),
        "gtsrb": DataSetKind(
            meaning="51,839 traffic signs of 43 classes, resized to data.image_size",
            made_by="moe_search.data.sets.gtsrb:GTSRB",
            keys=("unreadable",),
        ),
        "fer2013": DataSetKind(
            meaning="35,887 faces of 7 moods, grey, 48 x 48",
            made_by="moe_search.data.sets.fer2013:FER2013",
        ),
        "eurosat": DataSetKind(
            meaning="27,000 satellite photos of 10 uses of land, resized to data.image_size",
            made_by="moe_search.data.sets.photos.folders:EUROSAT",
            keys=("unreadable",),
        ),
        "dtd": DataSetKind(
            meaning="5,640 photos of 47 textures, resized to data.image_size",
            made_by="moe_search.data.sets.photos.lists:DTD",
            keys=("unreadable",),
        ),
        "flowers102": DataSetKind(
            meaning="8,189 photos of 102 flowers, resized to data.image_size",
            made_by="moe_search.data.sets.photos.flowers102:FLOWERS102",
            keys=("unreadable",),
        ),
        "oxford_iiit_pet": DataSetKind(
            meaning="7,349 photos of 37 breeds of cats and dogs, resized to data.image_size",
            made_by="moe_search.data.sets.photos.lists:OXFORD_IIIT_PET",
            keys=("unreadable",),
        ),
        "fgvc_aircraft": DataSetKind(
            meaning="10,000 photos of 100 variants of aircraft, resized to data.image_size",
            made_by="moe_search.data.sets.photos.lists:FGVC_AIRCRAFT",
            keys=("unreadable",),
        ),
        "imagenette": DataSetKind(
            meaning="13,394 photos of 10 classes of ImageNet, resized to data.image_size",
            made_by="moe_search.data.sets.photos.folders:IMAGENETTE",
            keys=("unreadable",),
        ),
        "rendered_sst2": DataSetKind(
            meaning="9,613 pictures of sentences of 2 moods, resized to data.image_size",
            made_by="moe_search.data.sets.photos.folders:RENDERED_SST2",
            keys=("unreadable",),
        ),
        "caltech101": DataSetKind(
            meaning="8,677 photos of 101 classes, resized to data.image_size",
            made_by="moe_search.data.sets.photos.folders:CALTECH101",
            keys=("unreadable",),
        ),
        "caltech256": DataSetKind(
            meaning="30,607 photos of 257 classes, resized to data.image_size",
            made_by="moe_search.data.sets.photos.folders:CALTECH256",
            keys=("unreadable",),
        ),
        "stanford_cars": DataSetKind(
            meaning="16,185 photos of 196 models of cars, resized to data.image_size",
            made_by="moe_search.data.sets.photos.stanford_cars:STANFORD_CARS",
            keys=("unreadable",),
        ),
        "omniglot": DataSetKind(
            meaning="19,280 handwritten letters, 20 of each of 964, resized to data.image_size",
            made_by="moe_search.data.sets.photos.folders:OMNIGLOT",
            keys=("unreadable",),
        ),
        "lfw_people": DataSetKind(
            meaning="3,023 faces of the 62 people with 20 photos or more, resized to "
            "data.image_size",
            made_by="moe_search.data.sets.photos.folders:LFW_PEOPLE",
            keys=("unreadable",),
        ),
        "arrays": DataSetKind(
            meaning="arrays of one's own",
            made_by="moe_search.data.sets.arrays:ARRAYS",
            path="an .npz file",
            keys=("layout",),
        ),
        "huggingface": DataSetKind(
            meaning="images or rows of one's own, saved by Hugging Face's datasets",
            made_by="moe_search.data.sets.huggingface:HUGGINGFACE",
            path="a folder of save_to_disk",
            keys=("label", "features", "drop", "unreadable"),
        ),
        "image_folder": DataSetKind(
            meaning="images of one's own, a folder a class or with a table of their classes",
            made_by="moe_search.data.sets.image_folder:IMAGE_FOLDER",
            path="a folder",
            keys=("label", "split", "unreadable"),
        ),
        "table": DataSetKind(
            meaning="rows of one's own: CSV, TSV, Parquet, Arrow or Feather",
            made_by="moe_search.data.sets.table:TABLE",
            path="a file of rows",
            keys=("label", "features", "drop", "split"),
        ),
    },
    group="moe_search.data_sets",
)
