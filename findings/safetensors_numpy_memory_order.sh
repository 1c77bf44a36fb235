#!/usr/bin/env bash
# safetensors 0.8.0 with NumPy: an array that is not C-contiguous is saved with its values shuffled.
#
# Guess: save_file stores the array, or raises where it cannot.
# Seen: of a transposed, a Fortran-ordered and a strided array the raw memory is written under the
# array's shape. Nothing is raised or warned; what is loaded has the right shape and type and other
# values. Of the strided array even values come back that are not in it. PyTorch's side of the same
# package refuses such tensors with a ValueError.
# Where it bites: weights that were transposed for another framework, columns of a table, x[::2].
# numpy.ascontiguousarray before saving is the remedy.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    'safetensors==0.8.0' 'numpy==2.4.6'
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import safetensors
from safetensors.numpy import load, save

print(f"safetensors {safetensors.__version__}, numpy {np.__version__}")
table = np.arange(6, dtype=np.float32).reshape(2, 3)
arrays = {
    "transposed": table.T,
    "Fortran order": np.asfortranarray(table),
    "strided": np.arange(12, dtype=np.float32)[::2].reshape(2, 3),
}
for name, array in arrays.items():
    back = load(save({"x": array}))["x"]
    print(f"{name}: saved {array.tolist()}, loaded {back.tolist()}")
    assert back.shape == array.shape
    assert not np.array_equal(back, array), "changed: the values are kept now"
    sound = load(save({"x": np.ascontiguousarray(array)}))["x"]
    assert np.array_equal(sound, array)
PYTHON
