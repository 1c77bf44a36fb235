"""The package's C++, compiled for the processor it runs on and for the sizes it is to serve.

Compiling takes a quarter of a second, so each process does it for itself: nothing is left behind,
and nothing made for another processor is ever found.
"""

import ctypes
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

_SOURCE = Path(__file__).with_name("stem.cpp")
_FLAGS = ("-std=c++17", "-O3", "-march=native", "-shared", "-fPIC")


@cache
def library(kernel: int, outputs: int) -> ctypes.CDLL:
    """The compiled functions of ``stem.cpp`` for a kernel's side and a number of dense outputs.

    Raises:
        OSError: there is no C++ compiler, or it fails; in one line why.
    """
    names = (os.environ.get("CXX"), "g++", "clang++")
    compiler = next((name for name in names if name and shutil.which(name)), None)
    if compiler is None:
        raise OSError("no C++ compiler is found; install g++ or clang++")
    with TemporaryDirectory() as folder:
        target = Path(folder) / "stem.so"
        sizes = [f"-DKERNEL={kernel}", f"-DOUTPUTS={outputs}"]
        command = [compiler, *_FLAGS, *sizes, str(_SOURCE), "-o", str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            line = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[0]
            raise OSError(f"{compiler} cannot compile: {line}")
        return ctypes.CDLL(str(target))
