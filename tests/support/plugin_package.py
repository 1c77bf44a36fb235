"""A package that declares backbones, installed as pip would leave it, but into a folder."""

from pathlib import Path

SOURCE = '''\
def pyramid(shape, classes):
    """Dense layers that narrow towards the classes, for samples of any shape."""
    width = 2 * classes
    dense = [{"linear": 4 * width}, "relu", {"linear": width}]
    return {"expert": dense, "gate": dense}


def broken(shape, classes):
    return {"expert": [{"linear": 4}, "rellu"], "gate": [{"linear": 4}]}
'''


def install(folder: Path) -> None:
    """Make the folder, which is to be on sys.path, hold the package."""
    about = folder / "pyramids-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "pyramids.py").write_text(SOURCE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: pyramids\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[moe_search.backbones]\npyramid = pyramids:pyramid\nbroken = pyramids:broken\n"
    )
