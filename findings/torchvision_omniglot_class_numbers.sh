#!/usr/bin/env bash
# torchvision 0.29.1: the class numbers of Omniglot depend on the disk that holds the files.
#
# Guess: as in torchvision's other sets of class folders (ImageFolder, EuroSAT, Caltech101), classes
# are numbered in the order of their sorted names, so two copies of the same files agree.
# Seen: Omniglot numbers characters in the order in which the file system lists alphabets and
# characters. Two copies of the same folders, written in opposite orders into a memory file system,
# give every image another class number; ImageFolder gives both copies the same numbers.
# Where it bites: a model trained on one machine has near-zero accuracy on another, and an episode
# drawn by a seed holds other characters there, though each file is the same.
set -euo pipefail
folder=$(mktemp -d -p /dev/shm)
environment=$(mktemp -d)
trap 'rm -rf "$folder" "$environment"' EXIT
python3 -m venv "$environment"
"$environment/bin/pip" install --quiet --disable-pip-version-check --no-compile \
    'torch==2.14.1' 'torchvision==0.29.1' 'numpy==2.4.6' 'pillow==13.0.0'
"$environment/bin/python" -W ignore - "$folder" <<'PYTHON'
import sys
from pathlib import Path

import torchvision
from PIL import Image
from torchvision import datasets

datasets.Omniglot._check_integrity = lambda self: True  # it asks for the archive beside the files

ALPHABETS = [f"Alphabet_{letter}" for letter in "ABC"]
CHARACTERS = [f"character{number:02}" for number in range(1, 5)]


def copy(root, backwards):
    """The same files, written in one order or in the opposite one."""
    order = (lambda names: names[::-1]) if backwards else list
    for alphabet in order(ALPHABETS):
        for character in order(CHARACTERS):
            place = root / "omniglot-py/images_background" / alphabet / character
            place.mkdir(parents=True)
            Image.new("1", (105, 105), 1).save(place / "0001_01.png")
            place = root / "photos" / f"{alphabet}_{character}"
            place.mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(place / "1.jpg")
    return root


def numbers(root):
    """The class number of each class, by its folder."""
    omniglot = datasets.Omniglot(root)
    found = dict(zip(omniglot._characters, (label for _, label in omniglot), strict=True))
    return found, datasets.ImageFolder(root / "photos").class_to_idx


folder = Path(sys.argv[1])
one, other = (numbers(copy(folder / name, name == "b")) for name in ("a", "b"))
same = [sum(a[name] == b[name] for name in a) for a, b in zip(one, other, strict=True)]
print(f"torchvision {torchvision.__version__}: of 12 classes with the same number in two copies,")
print(f"Omniglot has {same[0]}, ImageFolder {same[1]}")
assert one[0].keys() == other[0].keys()
assert same == [0, 12], same
PYTHON
