"""Say which task a checkpoint was trained for, by the class that config.json names, and refuse all but one."""

from __future__ import annotations

import re
from collections.abc import Sequence

import transformers

from reportgen.core.errors import ModelError
from reportgen.model.checkpoint import CONFIG

OURS = "SequenceClassification"
TASKS = {  # endings of the classes of transformers
    "ForTokenClassification": "token classification (a label for each token)",
    "ForQuestionAnswering": "question answering",
    "ForQuestionAnsweringSimple": "question answering",
    "ForMultipleChoice": "multiple choice",
    "ForNextSentencePrediction": "next sentence prediction",
    "ForMaskedLM": "masked language modelling",
    "ForPreTraining": "pretraining",
    "ForCausalLM": "text generation",
    "LMHeadModel": "text generation",
    "WithLMHead": "text generation",
    "GenerationDecoder": "text generation",
    "DoubleHeadsModel": "text generation",
    "ForConditionalGeneration": "text generation from a text",
    "ForImageClassification": "classification of images",
    "ForAudioClassification": "classification of sounds",
}


def refuse_another(name: str, architectures: Sequence[object] | None) -> None:
    """Refuse a model that was trained for something else than sequence classification.

    A base model (BertModel) and a class of somebody's own pass: their weights decide.

    Raises:
        ModelError: With the task.
    """
    classes = [str(one) for one in architectures or ()]
    if not classes or any(OURS in one for one in classes):
        return
    for one in classes:
        task = task_of(one)
        if task is not None:
            raise ModelError(
                f"{name}: is a model for {task}, not for sequence classification ({CONFIG} names {one[:80]})",
                hint="give a model that was fine-tuned for sequence classification; if this one was, set "
                f'"architectures": ["{_ours(one)}"] in its {CONFIG}',
            )


def task_of(name: str) -> str | None:
    """The task of a class of transformers, in words; None for a base model, and a class that is not one of these."""
    plain = re.sub(r"^(TF|Flax)(?=[A-Z])", "", name)
    ending = max((one for one in TASKS if plain.endswith(one)), key=len, default=None)
    if ending is not None:
        return TASKS[ending]
    found = re.search(r"For([A-Z]\w+)$", plain)
    known = found is not None and plain in dir(transformers)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", found[1]).lower() if found and known else None


def _ours(name: str) -> str:
    """The class for sequence classification of the same model.

    >>> _ours("ModernBertForTokenClassification"), _ours("GPT2LMHeadModel")
    ('ModernBertForSequenceClassification', 'GPT2ForSequenceClassification')
    """
    plain = re.sub(r"^(TF|Flax)(?=[A-Z])", "", name)
    return re.sub(r"(For[A-Z]\w*|LMHeadModel|DoubleHeadsModel)$", "", plain)[:60] + f"For{OURS}"
