"""A pre-trained network as a file, with weights drawn at random.

Shape suffixes: B sample; C channel, H height, W width; F feature.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchvision import models

NAME = "shufflenet_v2_x0_5"
SIDE = 32


def drawn_network() -> nn.Module:
    """Torchvision's smallest network, whose norms have seen a few images."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: nn.Module = models.get_model(NAME, weights=None).train()
        with torch.no_grad():
            for _ in range(20):
                network(torch.randn(16, 3, SIDE, SIDE))
    return network.eval()


def saved_network(file: Path) -> Path:
    """Its state dict."""
    save_file(drawn_network().state_dict(), file)
    return file


def reference(x_BCHW: Tensor) -> Tensor:
    """What its last layer takes of images of 0 to 1, [B, F], in plain torch."""
    network = drawn_network()
    network.fc = nn.Identity()
    x = x_BCHW.expand(-1, 3, -1, -1)
    x = interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    with torch.no_grad():
        found: Tensor = network((x - mean) / std)
    return found
