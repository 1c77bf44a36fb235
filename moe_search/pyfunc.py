"""What ``mlflow.pyfunc.load_model`` opens a logged model with.

Every logged model names this module, so neither its name nor ``_load_pyfunc`` may ever change.

Shape suffixes: B sample, C class.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from moe_search.data.preprocessing import as_input, input_warnings, raw_shape
from moe_search.package.classifier import Classifier
from moe_search.package.open import load_package

_PREDICTION_BATCH = 256


class _Predictor:
    """What ``mlflow.pyfunc.load_model`` wraps."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        shape = classifier.mixtures.architecture.shape
        self._shape = raw_shape(shape, classifier.preprocessing)

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Class probabilities, float32, a column a class [B, C].

        Args:
            model_input: raw samples: an array, lists or a data frame, as stored in the data set
                (pixels 0..1, or bytes 0..255, or features); the contents of image files; or rows
                of a table, as a data frame or records.
            params: MLflow passes it; there are none.

        Raises:
            ValueError: samples of another shape, or that are not finite.
            UserError: the pre-trained network that makes features of images is not here.
        """
        preprocessing = self._classifier.preprocessing
        x_BS = as_input(model_input, self._shape, preprocessing)
        for warning in input_warnings(model_input, x_BS, self._shape, preprocessing):
            warnings.warn(warning, stacklevel=2)
        labels = self._classifier.labels
        output_BC = np.empty((len(x_BS), len(labels)), np.float32)
        with torch.no_grad():
            for start in range(0, len(x_BS), _PREDICTION_BATCH):
                batch = slice(start, start + _PREDICTION_BATCH)
                output_BC[batch] = self._classifier(torch.from_numpy(x_BS[batch])).numpy()
        return pd.DataFrame(output_BC, columns=list(labels))


def _load_pyfunc(data_path: str) -> _Predictor:
    """MLflow's way in."""
    return _Predictor(load_package(Path(data_path)))
