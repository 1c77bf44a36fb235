#!/usr/bin/env bash
# torch 2.14.1: with class weights cross_entropy is another number for class indices than for the
# same classes as probabilities.
#
# Guess: an index is short for the one-hot row, so both give one loss and one gradient. Without
# weights they do.
# Seen: with weights 1, 1, 4 and two of four samples of the last class, the loss of indices is
# 1.36 and that of their one-hot rows 3.40: indices divide by the sum of the samples' weights,
# probabilities by the number of samples. The gradient differs by the same factor, the mean weight
# of the batch's samples, so from batch to batch it is another one. With label_smoothing, too.
# Where it bites: mixup, soft labels or distillation are added to a training with class weights, and
# with them the step size changes and begins to depend on which classes a batch holds. Balanced
# weights times the number of samples over their sum hide it on average only. Divide by the samples'
# weights yourself (reduction="sum").
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile \
    'torch==2.14.1' 'numpy==2.4.6'
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch.nn.functional import cross_entropy, one_hot

print("torch", torch.__version__)
scores = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
index, weight = torch.tensor([0, 1, 2, 2]), torch.tensor([1.0, 1.0, 4.0], dtype=torch.float64)
rows = one_hot(index, 3).double()
mean_weight = weight[index].mean()
assert torch.isclose(cross_entropy(scores, index), cross_entropy(scores, rows))
for smoothing in (0.0, 0.1):
    losses, steps = [], []
    for target in (index, rows):
        asked = scores.clone().requires_grad_()
        loss = cross_entropy(asked, target, weight, label_smoothing=smoothing)
        loss.backward()
        losses.append(loss.detach())
        steps.append(asked.grad)
    print(f"label_smoothing {smoothing}: indices {losses[0]:.2f}, one-hot rows {losses[1]:.2f}")
    assert torch.isclose(losses[1], losses[0] * mean_weight), "changed: not the mean weight"
    assert torch.allclose(steps[1], steps[0] * mean_weight)
print(f"their ratio is the mean weight of the samples, {mean_weight:.2f}")
PYTHON
