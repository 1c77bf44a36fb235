"""What ``mlflow.pyfunc.load_model`` opens a logged model with.

Every logged model names this module, so neither its name nor ``_load_pyfunc`` may ever change.

Shape suffixes: B sample, C class; S whatever a sample has: channels, H, W or features.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from moe_search.data.samples import as_samples
from moe_search.package.classifier import Classifier
from moe_search.package.open import load_package

_PREDICTION_BATCH = 256


class _Predictor:
    """What ``mlflow.pyfunc.load_model`` wraps."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._shape = classifier.mixtures.architecture.shape
        self._classes = classifier.mixtures.architecture.classes

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> npt.NDArray[Any]:
        """Class probabilities, float32 [B, C].

        Args:
            model_input: array (or table of one column a value) in any layout that ``as_samples``
                knows, as stored in the data set: pixels 0..1, or bytes 0..255, or features.
            params: MLflow passes it; there are none.

        Raises:
            ValueError: samples of another shape.
        """
        x_BS = as_samples(np.asarray(model_input), self._shape)
        scale = np.float32(255 if x_BS.dtype == np.uint8 else 1)
        output_BC = np.empty((len(x_BS), self._classes), np.float32)
        with torch.no_grad():
            for start in range(0, len(x_BS), _PREDICTION_BATCH):
                batch = slice(start, start + _PREDICTION_BATCH)
                x = torch.from_numpy(x_BS[batch].astype(np.float32) / scale)
                output_BC[batch] = self._classifier(x).numpy()
        return output_BC


def _load_pyfunc(data_path: str) -> _Predictor:
    """MLflow's way in."""
    return _Predictor(load_package(Path(data_path)))
