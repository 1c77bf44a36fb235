#!/usr/bin/env bash
# torch 2.14.1: of equal values topk takes others for k = 1 than for k = 2, and others again in a
# longer row, even where all that is longer is -inf.
#
# Guess: ties are broken in some fixed way, mostly by the lowest index as argmax does, so that the
# best one is among the best two, and masking with -inf is the same as leaving out.
# Seen, on a CPU: of 64 zeros topk(1) is [0], topk(2) is [42, 43]. Of four zeros topk(2) is [2, 3];
# of four zeros and twelve times -inf it is [1, 0]. max(dim) documents the first of equals.
# Where it bites: routers of a Mixture of Experts. A router that starts at zero, or that has lost
# its input, sends every sample to the same arbitrary experts, other ones for each k; and a model
# whose experts are padded to those of a larger one with -inf chooses otherwise than alone.
# Take k times the maximum, each time without those that are taken, or a stable sort.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile \
    'torch==2.14.1' 'numpy==2.4.6'
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch


def best(row, k):
    """Which places of a row topk takes."""
    return row.topk(k).indices.tolist()


print("torch", torch.__version__)
shrunk = []
for experts in (4, 8, 16, 64):
    row = torch.zeros(experts)
    print(f"{experts} zeros: topk(1) {best(row, 1)}, topk(2) {best(row, 2)}, topk(3) {best(row, 3)}")
    if best(row, 1)[0] not in best(row, 2):
        shrunk.append(experts)
    assert row.max(0).indices == 0
assert shrunk, "changed: the best one is always among the best two"

moved = []
for experts in (4, 5, 8):
    alone = torch.zeros(experts)
    padded = torch.cat((alone, torch.full((12,), -torch.inf)))
    print(f"{experts} zeros: topk(2) {best(alone, 2)}; with 12 times -inf {best(padded, 2)}")
    if best(alone, 2) != best(padded, 2):
        moved.append(experts)
assert moved, "changed: -inf beside them moves nothing"
PYTHON
