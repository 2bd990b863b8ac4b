"""Put the summaries of all layers of a document together, with the facts of the model that explain them."""

from __future__ import annotations

import numpy as np

from reportgen.core.nouns.records import Attention, LayerSummary
from reportgen.model import supported
from reportgen.model.classifier import Classifier


def stack(layers: list[LayerSummary], *, reader: int | None, classifier: Classifier) -> Attention:
    """All layers of one document in arrays that begin with (layer, head, token)."""
    rows = [layer.reader for layer in layers if layer.reader is not None]
    sinks = [layer.sink for layer in layers if layer.sink is not None]
    visible = sum(layer.weights for layer in layers)
    return Attention(
        received=np.stack([layer.received for layer in layers]),
        reader=np.stack(rows) if rows else None,
        attended_positions=np.stack([layer.attended_positions for layer in layers]),
        attended_weights=np.stack([layer.attended_weights for layer in layers]),
        attending_positions=np.stack([layer.attending_positions for layer in layers]),
        attending_weights=np.stack([layer.attending_weights for layer in layers]),
        maps=np.stack([layer.shares for layer in layers]),
        reader_position=reader,
        global_positions=classifier.global_positions,
        windows=classifier.windows,
        row_error=max(layer.row_error for layer in layers),
        zero_share=sum(layer.zeros for layer in layers) / max(visible, 1),
        period=classifier.period,
        seen=np.stack([layer.seen for layer in layers]),
        sink=np.stack(sinks) if sinks else None,
        reader_alone=supported.reader_alone(classifier.model),
        layer_kinds=() if len(layers) == len(classifier.layer_kinds) else classifier.layer_kinds,
    )
