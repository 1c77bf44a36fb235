#!/usr/bin/env bash
# pandas 3.1.1: read_csv(sep=None) splits a file of one column into two and loses its name.
#
# Guess: where there is no delimiter to find, one column is read.
# Seen: a file with the header "label" is read as the columns "Unnamed: 0", "abe" and "Unnamed: 2",
# its values under the first and NaN beside them. Nothing is raised or warned. pandas gives the
# sniffer of Python's csv module the first line alone, and of one word that takes a letter for the
# delimiter; given the whole text it raises.
# Where it bites: readers of "any delimiter" built on sep=None, given a list of names or labels.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'pandas==3.1.1'
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import csv
import io

import pandas as pd

print(f"pandas {pd.__version__}")
text = "label\ncat\ndog\n"
read = pd.read_csv(io.StringIO(text), sep=None, engine="python")
print(f"{text!r}: columns {list(read.columns)}, first column {read.iloc[:, 0].tolist()}")
assert list(read.columns) == ["Unnamed: 0", "abe", "Unnamed: 2"], "changed"
print(f"csv.Sniffer of the first line: delimiter {csv.Sniffer().sniff('label').delimiter!r}")
try:
    csv.Sniffer().sniff(text)
except csv.Error as error:
    print(f"csv.Sniffer of the whole text: {error}")
else:
    raise SystemExit("changed: the sniffer finds a delimiter in the whole text")
PYTHON
