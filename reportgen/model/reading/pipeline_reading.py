"""Read a document as transformers' own pipeline does, where that gives other tokens than the report has.

Nothing is done where the pipeline builds the same tokenizer, and the model is asked only where a document's tokens
differ.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

import torch

from reportgen.core.config import Long
from reportgen.core.errors import ReportgenError
from reportgen.core.nouns.records import OtherReading, Prediction, Tokens
from reportgen.model.classifier import Classifier
from reportgen.model.guards import quiet
from reportgen.model.reading import forward_pass, long_documents
from reportgen.model.tokenizing import tokens
from reportgen.model.tokenizing.tokenizer import rebuilt


def other_reading(
    classifier: Classifier, text: str, own: Tokens, *, long: Long, stride: int | None
) -> OtherReading | None:
    """The reading of transformers' own pipeline; None if its tokens are *own*, or it cannot be built.

    Args:
        classifier: The model, with its own tokenizer.
        text: The document.
        own: Its tokens in the report.
        long: Whether it is cut or read in windows if it is too long.
        stride: Of the windows, see `long_documents.plan`.
    """
    if classifier.checkpoint.in_memory:  # then the user's pipeline has the very same
        return None
    with quiet():
        tokenizer = rebuilt(classifier.checkpoint, classifier.tokenizer)
    if tokenizer is None:
        return None
    its = replace(classifier, tokenizer=tokenizer)
    try:
        read = tokens.read(its, text, whole=long == "window")
    except ReportgenError:  # then the pipeline shows nothing to compare with
        return None
    position = _first_difference(own, read)
    if position is None:
        return None
    same = own.ids[position : position + 1] == read.ids[position : position + 1]
    return OtherReading(
        tokenizer=type(tokenizer).__name__,
        position=position,
        own=own.strings[position] if position < len(own) else None,
        other=read.strings[position] if position < len(read) else None,
        types=(own.types[position] if own.types else 0, read.types[position] if read.types else None) if same else None,
        prediction=_predict(its, read, stride=stride),
    )


def _first_difference(own: Tokens, other: Tokens) -> int | None:
    """The first position at which token or token type differ; without types all are 0."""
    both = (zip_longest(each.ids, each.types, fillvalue=0) for each in (own, other))
    pairs = enumerate(zip_longest(*both))
    return next((position for position, (mine, its) in pairs if mine != its), None)


def _predict(classifier: Classifier, read: Tokens, *, stride: int | None) -> Prediction | str:
    """The prediction from these tokens, the mean over windows where there are several; or why there is none."""
    try:
        tokens.check_known(classifier, read)
        pieces = long_documents.plan_for(classifier, read, stride=stride).pieces
        logits = torch.cat([forward_pass.predict_logits(classifier, [piece]) for piece in pieces]).mean(dim=0)
    except ReportgenError as error:
        return error.message
    return forward_pass.prediction(classifier, logits, gold=None)
