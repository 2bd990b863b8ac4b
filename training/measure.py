"""Measure the embedded demo model on text it was not trained on: a model folder in, its figures out.

Also writes head importance into the folder, since every report needs it. Prints and formats nothing: see ``card.py``.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from reportgen.model import checkpoint, classifier
from reportgen.model.importance import importance_files, measures
from reportgen.model.tokenizing import tokens
from training import corpus

Array = npt.NDArray[Any]

CHUNK_TOKENS = 1_000
LONG_TOKENS = 2_046  # with <s> and </s> as long as the model reads
CHUNKS_PER_PAGE = 3
MIN_CHUNK_TOKENS = 128
ENTROPY_CHUNKS = 64  # of each class


@dataclass(frozen=True, slots=True)
class Sample:
    """A text with its class."""

    text: str
    label: int  # 0 programming languages, 1 machine learning


def first_is_global(input_ids: Tensor) -> Tensor:
    """The global attention mask (row, token) of a sequence classifier: only the first token is global."""
    mask = torch.zeros_like(input_ids)
    mask[:, 0] = 1
    return mask


def load(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The classifier, ready to predict, and its tokenizer."""
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def chunks(projects: Sequence[corpus.Project], tokenizer: PreTrainedTokenizerBase) -> list[Sample]:
    """At most ``CHUNKS_PER_PAGE`` chunks of about ``CHUNK_TOKENS`` tokens from every page."""
    samples = []
    for project in projects:
        for page in corpus.pages(project):
            packed = pack(page, tokenizer, CHUNK_TOKENS)
            samples += [Sample(text, project.label) for text in packed[:CHUNKS_PER_PAGE]]
    return samples


def long_chunks(projects: Sequence[corpus.Project], tokenizer: PreTrainedTokenizerBase) -> list[Sample]:
    """The same text as :func:`chunks`, joined to sequences of the full length, one project at a time."""
    samples = []
    for project in projects:
        texts = [sample.text for sample in chunks([project], tokenizer)]
        samples += [Sample(text, project.label) for text in pack(texts, tokenizer, LONG_TOKENS)]
    return samples


def pack(paragraphs: Sequence[str], tokenizer: PreTrainedTokenizerBase, size: int) -> list[str]:
    """Consecutive *paragraphs* joined to texts of at most *size* tokens; a longer paragraph is a text of its own."""
    packed: list[list[str]] = []
    filled = size
    for paragraph in paragraphs:
        tokens = len(tokenizer.tokenize(paragraph + "\n\n"))
        if filled + tokens > size:
            packed.append([])
            filled = 0
        packed[-1].append(paragraph)
        filled += tokens
    texts = ["\n\n".join(parts) for parts in packed]
    return [text for text in texts if len(tokenizer.tokenize(text)) >= MIN_CHUNK_TOKENS]


def encode(sample: Sample, tokenizer: PreTrainedTokenizerBase) -> dict[str, Tensor]:
    """Model inputs of one sample, a batch of one row, with ``labels`` (row,)."""
    encoded = tokenizer(sample.text, truncation=True, return_tensors="pt")
    return {
        "input_ids": encoded["input_ids"],
        "attention_mask": encoded["attention_mask"],
        "global_attention_mask": first_is_global(encoded["input_ids"]),
        "labels": torch.tensor([sample.label]),
    }


@torch.inference_mode()
def probabilities(model: PreTrainedModel, batches: Sequence[dict[str, Tensor]]) -> Array:
    """Class probabilities, shape (sample, class)."""
    progress = tqdm(batches, desc="predict", mininterval=5)
    return np.stack([model(**batch).logits.softmax(-1)[0].numpy() for batch in progress])


def verdicts(samples: Sequence[Sample], predicted: Array) -> dict[str, Any]:
    """Accuracy, recall of each class and their mean (balanced accuracy) of *predicted*, shape (sample,)."""
    gold = np.array([sample.label for sample in samples])
    recalls = [float((predicted[gold == label] == label).mean()) for label in (0, 1)]
    return {
        "samples": samples_by_class(samples),
        "accuracy": round(float((predicted == gold).mean()), 4),
        "balanced_accuracy": round(sum(recalls) / 2, 4),
        "recall": [round(recall, 4) for recall in recalls],
    }


def samples_by_class(samples: Sequence[Sample]) -> list[int]:
    """How many samples each class has."""
    return [sum(sample.label == label for sample in samples) for label in (0, 1)]


def row_entropies(local: Tensor, global_: Tensor, *, window: int) -> tuple[Tensor, Tensor]:
    """Entropy of every assembled attention row of one layer, and what a uniform row would have.

    A token sees the keys of its window that lie inside the document, and the global token 0, which itself sees all.

    Args:
        local: (head, query, 1 + window + 1); column 0 is the weight on token 0. The row of token 0 is 0.
        global_: (head, key), attention paid by token 0.
        window: Tokens that a token sees to its left and right together.

    Returns:
        Entropies (head, query) and the logarithm of the number of visible keys (query,), both in nats.
    """
    tokens = local.shape[1]
    entropies = torch.special.entr(local).sum(-1)
    entropies[:, 0] = torch.special.entr(global_).sum(-1)
    position = torch.arange(tokens)
    first = (position - window // 2).clamp(min=0)
    last = (position + window // 2).clamp(max=tokens - 1)
    visible = last - first + 1 + (first > 0)  # the global token, where it is not in the window
    visible[0] = tokens
    return entropies, visible.log()


@torch.inference_mode()
def entropy_shares(model: PreTrainedModel, batches: Sequence[dict[str, Tensor]]) -> dict[str, list[list[float]]]:
    """Mean row entropy as a share of the uniform rows', over all rows and over token 0's, each (layer, head)."""
    windows = model.config.attention_window
    heads = model.config.num_attention_heads
    sums = torch.zeros(2, 2, len(windows), heads)  # (all rows or token 0's, entropy or uniform, layer, head)
    for batch in tqdm(batches, desc="entropy", mininterval=5):
        output = model(**batch, output_attentions=True)
        tokens = batch["input_ids"].shape[1]
        for layer, window in enumerate(windows):
            by_token_0 = output.global_attentions[layer][0, :, :tokens, 0]
            entropies, uniform = row_entropies(output.attentions[layer][0], by_token_0, window=window)
            sums[0, :, layer] += torch.stack([entropies.sum(-1), uniform.sum().expand(heads)])
            sums[1, :, layer] += torch.stack([entropies[:, 0], uniform[0].expand(heads)])
    every, token_0 = sums[:, 0] / sums[:, 1]
    return {"entropy": rounded(every.numpy()), "entropy_global_row": rounded(token_0.numpy())}


def baseline(train: Sequence[Sample], *tests: Sequence[Sample]) -> list[dict[str, Any]]:
    """Verdicts of TF-IDF with logistic regression, trained on *train*, on each of *tests*."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # only this measurement needs scikit-learn
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    classifier = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(class_weight="balanced"))
    classifier.fit([sample.text for sample in train], [sample.label for sample in train])
    predicted = [classifier.predict([sample.text for sample in test]) for test in tests]
    return [verdicts(test, labels) for test, labels in zip(tests, predicted, strict=True)]


def documents(path: Path) -> dict[str, Sample]:
    """The shipped documents by id."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {str(row["id"]): Sample(row["text"], row["label"]) for row in rows}


def measure(folder: Path, projects: Sequence[corpus.Project], shipped: dict[str, Sample]) -> dict[str, Any]:
    """All figures of the model in *folder*, and head importance, which is written next to it.

    Args:
        folder: Holds weights and tokenizer.
        projects: Two trained on, then two held out.
        shipped: Documents that are measured one by one.
    """
    model, tokenizer = load(folder)
    training, held_out = chunks(projects[:2], tokenizer), chunks(projects[2:], tokenizer)
    weights = folder / "model.safetensors"
    revision = hashlib.sha256(weights.read_bytes()).hexdigest()
    batches = [encode(sample, tokenizer) for sample in held_out]
    long = long_chunks(projects[2:], tokenizer)
    long_batches = [encode(sample, tokenizer) for sample in long]
    by_words, by_words_shipped = baseline(training, held_out, list(shipped.values()))
    return {
        "model": revision,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "bytes": weights.stat().st_size,
        "training": samples_by_class(training),
        "held_out": verdicts(held_out, probabilities(model, batches).argmax(-1)),
        "held_out_long": verdicts(long, probabilities(model, long_batches).argmax(-1)),
        "held_out_baseline": by_words,
        "documents": document_verdicts(model, tokenizer, shipped),
        "documents_baseline": by_words_shipped,
        **entropy_shares(model, [encode(sample, tokenizer) for sample in both_classes(held_out)]),
        "head_importance": head_importance(folder, held_out, projects=projects[2:], revision=revision),
    }


def head_importance(
    folder: Path, samples: Sequence[Sample], *, projects: Sequence[corpus.Project], revision: str
) -> list[list[float]]:
    """Taylor importance over *samples*, written to *folder* with where it comes from; (layer, head)."""
    loaded = classifier.load(checkpoint.find(str(folder)), device="cpu")
    texts = [tokens.encode(loaded, sample.text) for sample in samples]
    gold = [sample.label for sample in samples]
    with tqdm(total=len(texts), desc="importance", mininterval=5) as progress:
        measured = measures.compute(loaded, texts, gold, measure="taylor", batch_size=1, advance=progress.update)
    provenance = {"data": "documentation of " + " and ".join(project.name for project in projects), "model": revision}
    importance_files.save(folder / "head_importance.safetensors", measured, provenance)
    return rounded(measured.values)


def both_classes(samples: Sequence[Sample]) -> list[Sample]:
    """``ENTROPY_CHUNKS`` samples of each class, evenly spread."""
    chosen = []
    for label in (0, 1):
        group = [sample for sample in samples if sample.label == label]
        chosen += group[:: max(1, len(group) // ENTROPY_CHUNKS)][:ENTROPY_CHUNKS]
    return chosen


def document_verdicts(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, shipped: dict[str, Sample]
) -> dict[str, Any]:
    """Verdicts on the shipped documents, and for each its class, tokens and probability of machine learning."""
    batches = [encode(sample, tokenizer) for sample in shipped.values()]
    probability = probabilities(model, batches)  # (document, class)
    each: dict[str, dict[str, float]] = {}
    for (name, sample), batch, row in zip(shipped.items(), batches, probability, strict=True):
        tokens = batch["input_ids"].shape[1]
        each[name] = {"label": sample.label, "predicted": int(row.argmax()), "tokens": tokens}
        each[name]["machine_learning"] = round(float(row[1]), 3)
    return verdicts(list(shipped.values()), probability.argmax(-1)) | {"each": each}


def rounded(values: Array) -> list[list[float]]:
    """*values* (layer, head) as lists with three decimals."""
    return [[round(float(value), 3) for value in row] for row in values]
