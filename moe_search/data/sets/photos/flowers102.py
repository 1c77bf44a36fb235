"""Oxford's 102 flowers: photos by number, with classes and splits in MATLAB's files."""

from pathlib import Path

import numpy as np

from moe_search.data.catalogue import Files
from moe_search.data.files.image_lists import Listing, Listings
from moe_search.data.files.matlab import read_matlab
from moe_search.data.sets.photos.photo_set import PhotoSet, numbered
from moe_search.errors import UserError

CLASSES = (
    *("pink primrose", "hard-leaved pocket orchid", "canterbury bells", "sweet pea"),
    *("english marigold", "tiger lily", "moon orchid", "bird of paradise", "monkshood"),
    *("globe thistle", "snapdragon", "colt's foot", "king protea", "spear thistle"),
    *("yellow iris", "globe-flower", "purple coneflower", "peruvian lily", "balloon flower"),
    *("giant white arum lily", "fire lily", "pincushion flower", "fritillary", "red ginger"),
    *("grape hyacinth", "corn poppy", "prince of wales feathers", "stemless gentian"),
    *("artichoke", "sweet william", "carnation", "garden phlox", "love in the mist"),
    *("mexican aster", "alpine sea holly", "ruby-lipped cattleya", "cape flower"),
    *("great masterwort", "siam tulip", "lenten rose", "barbeton daisy", "daffodil"),
    *("sword lily", "poinsettia", "bolero deep blue", "wallflower", "marigold", "buttercup"),
    *("oxeye daisy", "common dandelion", "petunia", "wild pansy", "primula", "sunflower"),
    *("pelargonium", "bishop of llandaff", "gaura", "geranium", "orange dahlia"),
    *("pink-yellow dahlia?", "cautleya spicata", "japanese anemone", "black-eyed susan"),
    *("silverbush", "californian poppy", "osteospermum", "spring crocus", "bearded iris"),
    *("windflower", "tree poppy", "gazania", "azalea", "water lily", "rose", "thorn apple"),
    *("morning glory", "passion flower", "lotus", "toad lily", "anthurium", "frangipani"),
    *("clematis", "hibiscus", "columbine", "desert-rose", "tree mallow", "magnolia", "cyclamen"),
    *("watercress", "canna lily", "hippeastrum", "bee balm", "ball moss", "foxglove"),
    *("bougainvillea", "camellia", "mallow", "mexican petunia", "bromelia", "blanket flower"),
    *("trumpet creeper", "blackberry lily"),
)

_NUMBERS = tuple(str(number) for number in range(1, len(CLASSES) + 1))


class Flowers102(PhotoSet):
    """Photos of flowers."""

    def listed(self, folder: Path) -> Listings:
        """Those of the training and validation splits, and those of the test split."""
        return Listings(
            classes=CLASSES,
            training=_listing(folder, "trnid", "valid"),
            validation=None,
            test=_listing(folder, "tstid"),
        )


FLOWERS102 = Flowers102(
    count=len(CLASSES),
    files=Files("Flowers102", "flowers-102", ("jpg", "imagelabels.mat", "setid.mat")),
)


def _listing(folder: Path, *splits: str) -> Listing:
    """The photos whose numbers, from 1, are in these splits."""
    labels, ids = folder / "imagelabels.mat", folder / "setid.mat"
    numbers = np.concatenate([array.ravel() for array in read_matlab(ids, *splits)]).tolist()
    classes = dict(enumerate(read_matlab(labels, "labels")[0].ravel().tolist(), 1))
    unknown = [number for number in numbers if number not in classes]
    if unknown:
        raise UserError(f"{labels}: has no image {unknown[0]} of {ids}; put the original in place")
    photos = [(folder / "jpg" / f"image_{n:05d}.jpg", str(classes[n])) for n in numbers]
    return numbered(photos, _NUMBERS, labels)
