"""The package's C++, compiled for the processor it runs on and for the sizes it is to serve.

A source compiles in a quarter to half of a second, so each process does it for itself: nothing is
left behind, and nothing made for another processor is ever found.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Sequence
from ctypes import CDLL
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

# Without errno, a loop with a square root becomes one of vectors; no number changes.
_FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-shared", "-fPIC")


@cache
def library(source: str, **sizes: int) -> ctypes.CDLL:
    """The compiled functions of a source file below this folder, for sizes that it does not set.

    Raises:
        OSError: there is no C++ compiler, or it fails; in one line why.
    """
    names = (os.environ.get("CXX"), "g++", "clang++")
    compiler = next((name for name in names if name and shutil.which(name)), None)
    if compiler is None:
        raise OSError("no C++ compiler is found; install g++ or clang++")
    with TemporaryDirectory() as folder:
        target = Path(folder) / "library.so"
        definitions = [f"-D{name}={size}" for name, size in sizes.items()]
        file = Path(__file__).parent / source
        command = [compiler, *_FLAGS, *definitions, str(file), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            line = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[0]
            raise OSError(f"{compiler} cannot compile: {line}")
        return ctypes.CDLL(str(target))


def constant(compiled: ctypes.CDLL, name: str) -> int:
    """A whole number that compiled code tells."""
    return ctypes.c_long.in_dll(compiled, name).value


def call(function: Any, tensors: Sequence[Tensor | None], *numbers: int | float) -> None:
    """Call a compiled function with the memory of tensors, or null, and numbers: long or float."""
    if function.argtypes is None:  # once, for wrapping each argument costs more than some calls do
        scalars = (ctypes.c_float if isinstance(n, float) else ctypes.c_long for n in numbers)
        function.argtypes = [*[ctypes.c_void_p] * len(tensors), *scalars]
    function(*[None if t is None else t.data_ptr() for t in tensors], *numbers)


_MOST_WEIGHTS = 49  # of a channel; the sums of their gradients should stay near the registers


def few_weights(w: Tensor) -> bool:
    """Whether kernels [..., I, side, side] are of a size that they serve."""
    return w.shape[-3:].numel() <= _MOST_WEIGHTS


def slab(compiled: CDLL, x_IHWB: Tensor) -> Tensor:
    """Working space for the pixels that a row of results needs."""
    rows, samples = constant(compiled, "slab_rows"), constant(compiled, "slab_samples")
    return x_IHWB.new_empty(rows, x_IHWB.shape[2], samples)


_ALWAYS = ("dense.cpp", "optimizers/one_pass.cpp")
"""What trainings of most networks need: who asks early has it when the first step comes."""


def uncompiled() -> str | None:
    """None if they can, else in one line why not; the eager forms still run."""
    try:
        for source in _ALWAYS:
            library(source)
    except OSError as error:
        return str(error)
    return None
