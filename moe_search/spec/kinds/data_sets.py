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
        "arrays": DataSetKind(
            meaning="arrays of one's own",
            made_by="moe_search.data.sets.arrays:ARRAYS",
            path="an .npz file",
            keys=("layout",),
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
