#!/usr/bin/env bash
# mlflow-skinny 3.17.2: to set the tracking URI and set the former one again changes three things.
#
# Guess: before = get_tracking_uri(); set_tracking_uri(other); ...; set_tracking_uri(before) leaves
# a process as it was, as saving and restoring a setting does.
# Seen: nothing named a store before. Afterwards (1) the process's environment names one, in
# MLFLOW_TRACKING_URI, so processes that it starts in other folders write into the store of this one;
# (2) the store no longer follows the working folder; (3) whoever sets MLFLOW_TRACKING_URI later in
# this process is not heard, as what was set goes before it. set_tracking_uri(None) undoes all three.
# Where it bites: one test that restores the URI in a "finally" turns the tests after it, and the
# commands that they start, to a store in the checkout.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'mlflow-skinny==3.17.2'
unset MLFLOW_TRACKING_URI
mkdir "$folder/first" "$folder/second"
cd "$folder/first"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import os
import subprocess
import sys

import mlflow

ASK = "import mlflow; print(mlflow.get_tracking_uri())"


def child():
    """What a process says that is started in another folder."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK],
        cwd="../second", capture_output=True, text=True, check=True,
    ).stdout.strip()


def folder_of(uri):
    return "first" if "/first/" in uri else "second" if "/second/" in uri else uri


def seen():
    here = os.getcwd()
    os.chdir("../second")
    followed = folder_of(mlflow.get_tracking_uri())
    os.chdir(here)
    return "MLFLOW_TRACKING_URI" in os.environ, folder_of(child()), followed


untouched = seen()
before = mlflow.get_tracking_uri()
mlflow.set_tracking_uri("http://127.0.0.1:9")
mlflow.set_tracking_uri(before)
restored = seen()
os.environ["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:9"
heard = mlflow.get_tracking_uri() == "http://127.0.0.1:9"
mlflow.set_tracking_uri(None)
undone = seen()

print("mlflow", mlflow.__version__)
print("              in the environment, child's store, store after chdir")
print("untouched    ", *untouched)
print("restored     ", *restored, "- a later variable is heard:", heard)
print("set to None  ", *undone)
assert untouched == (False, "second", "second")
assert restored == (True, "first", "first")
assert not heard
assert undone == (False, "second", "second")
PYTHON
