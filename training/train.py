"""Train the embedded demo model: documentation on this machine in, a model folder out.

Three steps: a byte-level BPE tokenizer, a masked-language model, and from its trunk the classifier. The first
two projects are trained on, the other two are only measured on (see ``measure.py``). Nothing is downloaded.
Source: Beltagy, Peters and Cohan 2020 for the model; sinusoidal positions after Vaswani et al. 2017.
"""

import json
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor
from tqdm import tqdm
from transformers import (
    LongformerConfig,
    LongformerForMaskedLM,
    LongformerForSequenceClassification,
    PreTrainedTokenizerFast,
    set_seed,
)
from transformers.models.longformer.modeling_longformer import LongformerSelfAttention

from training import card as model_card
from training import corpus, measure

DEMO = Path(__file__).resolve().parent.parent / "reportgen" / "demo"
SPECIAL_TOKENS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")  # ids 0 to 4, as in RoBERTa
BOS, PAD, EOS, MASK = 0, 1, 2, 4
LABELS = {0: "programming languages", 1: "machine learning"}
VOCABULARY = 7_400  # with the sizes below: 1.96 M parameters, under 8 MB in float32
MAX_TOKENS = 2_048
LENGTHS = (256, 512, 1_024, 2_048)  # every position is trained, the short ones most often
BATCH_TOKENS = 2_048
MASKED = {"pretrain": 0.3, "finetune": 0.1}  # share of the tokens hidden
LABEL_SMOOTHING = 0.05
POSITION_COLUMNS = 32  # of the embeddings' 128
SHARPNESS = 2**0.5  # queries and keys start larger by this, so that attention does not start even
AIMED = {0: -1, 1: 1}  # head of the first layer: which neighbour it starts looking at
AIM_GAIN = 2.5

Pages = dict[int, list[tuple[list[int], ...]]]  # label -> pages -> the token ids of each typography


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of ``VOCABULARY`` tokens, laid out as RoBERTa's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", EOS), ("<s>", BOS), trim_offsets=True, add_prefix_space=False
    )
    bos, pad, eos, unk, mask = SPECIAL_TOKENS
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=tokenizer, model_max_length=MAX_TOKENS, add_prefix_space=False,
        bos_token=bos, cls_token=bos, pad_token=pad, eos_token=eos, sep_token=eos, unk_token=unk, mask_token=mask,
    )  # fmt: skip


def configuration() -> LongformerConfig:
    """Four layers of four heads, each token seeing 64 tokens to either side."""
    return LongformerConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=256,
        attention_window=[128] * 4,
        max_position_embeddings=MAX_TOKENS + PAD + 1,
        type_vocab_size=1,
        initializer_range=0.088,  # 1 / sqrt(hidden_size): a linear map starts by keeping the size of its input
        bos_token_id=BOS,
        pad_token_id=PAD,
        eos_token_id=EOS,
        sep_token_id=EOS,
        id2label=LABELS,
        label2id={name: label for label, name in LABELS.items()},
    )


def sinusoids(rows: int) -> Tensor:
    """Sines and cosines of the position, shape (row, ``POSITION_COLUMNS``), after Vaswani et al. 2017."""
    angles = torch.arange(rows)[:, None] * position_rates()
    return torch.stack([angles.sin(), angles.cos()], dim=-1).reshape(rows, POSITION_COLUMNS)


def position_rates() -> Tensor:
    """Radians a token of every pair of columns: wavelengths from 2.5 to 256 tokens, evenly spread by ratio."""
    return torch.logspace(math.log10(2.5), math.log10(math.tau / 256), POSITION_COLUMNS // 2)


class Sampler:
    """Draws batches of running text from encoded pages, both classes equally often.

    Pages are grouped by class and come in two typographies, so that neither the number of pages nor the shape
    of the quotation marks reveals the class.
    """

    def __init__(self, pages: Pages, *, seed: int, frame: tuple[int, int] = (BOS, EOS)) -> None:
        self.pages = pages
        self.first, self.last = frame
        self.random = random.Random(seed)
        self.torch = torch.Generator().manual_seed(seed)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Token ids (row, token) of one random length, and labels (row,); about ``BATCH_TOKENS`` in all."""
        length = self.random.choice(LENGTHS)
        labels = self.random.choices(list(LABELS), k=BATCH_TOKENS // length)
        return torch.tensor([self.sequence(label, length) for label in labels]), torch.tensor(labels)

    def sequence(self, label: int, length: int) -> list[int]:
        """*length* - 2 tokens from a random place in random pages of the class, between first and last token."""
        room = length - 2
        tokens: list[int] = []
        while len(tokens) < room:
            page = self.random.choice(self.pages[label])
            variant = self.random.choice(page)
            start = self.random.randrange(max(1, len(variant) - room // 2))
            tokens += variant[start:]
        return [self.first, *tokens[:room], self.last]

    def mask(self, input_ids: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """*input_ids* with about *share* of the tokens replaced by ``<mask>``, and where, both (row, token)."""
        chosen = torch.rand(input_ids.shape, generator=self.torch) < share
        chosen &= input_ids >= len(SPECIAL_TOKENS)
        return input_ids.masked_fill(chosen, MASK), chosen


def encode_pages(tokenizer: PreTrainedTokenizerFast, pages: list[list[str]]) -> list[tuple[list[int], ...]]:
    """Each page as token ids, once with straight and once with curly quotation marks."""
    texts = ["\n\n".join(page) + "\n\n" for page in pages]
    variants = [[change(text) for text in texts] for change in corpus.TYPOGRAPHIES]
    encoded = [tokenizer(variant, add_special_tokens=False, verbose=False)["input_ids"] for variant in variants]
    return list(zip(*encoded, strict=True))


def optimise(
    model: torch.nn.Module, losses: Iterator[Tensor], *, steps: int, warm_up: int, rate: float, name: str
) -> None:
    """AdamW with a one-cycle rate; *losses* yields one loss a step and is drawn after the previous update."""
    decayed = [weight for weight in model.parameters() if weight.ndim > 1]
    others = [weight for weight in model.parameters() if weight.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
    one_cycle = torch.optim.lr_scheduler.OneCycleLR
    schedule = one_cycle(optimiser, max_lr=rate, total_steps=steps, pct_start=warm_up / steps)
    model.train()
    progress = tqdm(range(steps), desc=name, mininterval=5)
    smooth = None
    for _, loss in zip(progress, losses, strict=False):
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
        progress.set_postfix(loss=f"{smooth:.3f}", refresh=False)


def pretrain(model: LongformerForMaskedLM, sampler: Sampler) -> Iterator[Tensor]:
    """Losses of the masked-language model; the vocabulary is scored at the masked positions only."""
    while True:
        input_ids, _ = sampler.batch()
        masked, chosen = sampler.mask(input_ids, MASKED["pretrain"])
        with torch.autocast("cpu", torch.bfloat16):
            hidden = model.longformer(**inputs(masked)).last_hidden_state  # (row, token, 128)
            logits = model.lm_head(hidden[chosen])  # (masked token, vocabulary)
        yield torch.nn.functional.cross_entropy(logits.float(), input_ids[chosen])


def finetune(model: LongformerForSequenceClassification, sampler: Sampler) -> Iterator[Tensor]:
    """Losses of the classifier."""
    while True:
        input_ids, labels = sampler.batch()
        masked, _ = sampler.mask(input_ids, MASKED["finetune"])
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(**inputs(masked)).logits  # (row, class)
        yield torch.nn.functional.cross_entropy(logits.float(), labels, label_smoothing=LABEL_SMOOTHING)


def inputs(input_ids: Tensor) -> dict[str, Tensor]:
    """What the trunk takes besides *input_ids* (row, token): nothing is padding, token 0 is global."""
    return {
        "input_ids": input_ids,
        "attention_mask": torch.ones_like(input_ids),
        "global_attention_mask": measure.first_is_global(input_ids),
    }


def train(
    projects: Sequence[corpus.Project],
    *,
    seed: int,
    steps: tuple[int, int],
    output: Path,
    trunk: Path | None = None,
) -> None:
    """Train on *projects* and write model and tokenizer to *output*.

    Args:
        projects: One of each class.
        seed: Of every random choice.
        steps: Of the masked-language model and of the classifier.
        output: Folder, made if it is not there.
        trunk: A masked-language model saved in this folder is taken as it is; a new one is left there.
    """
    texts = {project.label: corpus.pages(project) for project in projects}
    every_page = ("\n\n".join(page) for group in texts.values() for page in group)
    tokenizer = train_tokenizer(change(page) for page in every_page for change in corpus.TYPOGRAPHIES)
    tokenizer.save_pretrained(output)
    pages = {label: encode_pages(tokenizer, group) for label, group in texts.items()}
    if trunk is not None and trunk.exists():
        language = LongformerForMaskedLM.from_pretrained(trunk)
    else:
        language = train_language_model(pages, seed=seed, steps=steps[0])
    if trunk is not None:
        language.save_pretrained(trunk)
    train_classifier(language, pages, seed=seed, steps=steps[1]).save_pretrained(output)


def train_language_model(pages: Pages, *, seed: int, steps: int) -> LongformerForMaskedLM:
    """A masked-language model of *pages*."""
    set_seed(seed)
    text = [token for group in pages.values() for straight, _ in group for token in straight]
    model = new_language_model(torch.tensor(text))
    losses = pretrain(model, Sampler(pages, seed=seed))
    optimise(model, losses, steps=steps, warm_up=500, rate=2e-3, name="pretrain")
    return model


def train_classifier(
    language: LongformerForMaskedLM, pages: Pages, *, seed: int, steps: int
) -> LongformerForSequenceClassification:
    """A classifier of *pages* that starts with the trunk of *language*."""
    set_seed(seed)
    model = LongformerForSequenceClassification(configuration())
    model.longformer.load_state_dict(language.longformer.state_dict())
    losses = finetune(model, Sampler(pages, seed=seed + 1))
    optimise(model, losses, steps=steps, warm_up=30, rate=3e-4, name="finetune")
    return model


def new_language_model(tokens: Tensor) -> LongformerForMaskedLM:
    """A masked-language model that knows positions, neighbours and word frequencies before its first step.

    Started at random, it was still at the level of word frequencies after 800 steps.

    Args:
        tokens: (token,), the training text.
    """
    config = configuration()
    model = LongformerForMaskedLM(config)
    words = model.longformer.embeddings.word_embeddings.weight  # (token id, column)
    positions = model.longformer.embeddings.position_embeddings.weight  # (position, column)
    own = slice(POSITION_COLUMNS, None)  # words and positions start in columns of their own
    attentions = [module for module in model.modules() if isinstance(module, LongformerSelfAttention)]
    with torch.no_grad():
        words[:, :POSITION_COLUMNS] = 0
        words[len(SPECIAL_TOKENS) :, own] = config.initializer_range * word_vectors(tokens)[len(SPECIAL_TOKENS) :]
        positions.zero_()
        positions[PAD + 1 :, :POSITION_COLUMNS] = config.initializer_range * sinusoids(MAX_TOKENS)
        model.lm_head.decoder.bias.copy_(torch.bincount(tokens, minlength=VOCABULARY).add(1).log())
        for attention in attentions:
            for linear in (attention.query, attention.key, attention.query_global, attention.key_global):
                linear.weight *= SHARPNESS
        for head, offset in AIMED.items():
            aim(attentions[0], head, offset)
    return model


def word_vectors(tokens: Tensor, *, columns: int = 128 - POSITION_COLUMNS, reach: int = 8) -> Tensor:
    """Singular vectors of the positive pointwise mutual information of nearby tokens, shape (token id, column).

    Source: Levy and Goldberg 2014. Turned at random, so that no column matters more than another; deviation 1.
    """
    counts = torch.zeros(VOCABULARY * VOCABULARY)
    for distance in range(1, reach + 1):
        pairs = tokens[:-distance] * VOCABULARY + tokens[distance:]
        counts += torch.bincount(pairs, minlength=len(counts)) / distance
    counts = counts.view(VOCABULARY, VOCABULARY)
    counts = counts + counts.T
    total = counts.sum(0).clamp(min=1e-9)
    context = total**0.75 / (total**0.75).sum()
    information = (counts / total[:, None] / context).log().clamp(min=0)
    left, singular, _ = torch.svd_lowrank(information, q=columns, niter=4)
    turn, _ = torch.linalg.qr(torch.randn(columns, columns))
    vectors: Tensor = (left * singular.sqrt()) @ turn
    return vectors / vectors.std()


def aim(attention: LongformerSelfAttention, head: int, offset: int) -> None:
    """Let an untrained head look *offset* tokens ahead (behind, if negative); training may change that.

    Its keys read sines and cosines of the position, its queries the same turned by *offset* tokens, so that their
    product is largest there. Source of the idea: Raganato, Scherrer and Tiedemann 2020.
    """
    angle = offset * position_rates()
    sine, cosine = torch.arange(POSITION_COLUMNS).view(-1, 2).T
    key, query = torch.zeros(2, attention.head_dim, attention.embed_dim)
    key[sine, sine] = key[cosine, cosine] = AIM_GAIN
    query[sine, sine] = query[cosine, cosine] = AIM_GAIN * angle.cos()
    query[sine, cosine] = AIM_GAIN * angle.sin()
    query[cosine, sine] = -AIM_GAIN * angle.sin()
    rows = slice(head * attention.head_dim, (head + 1) * attention.head_dim)
    attention.key.weight[rows] = key
    attention.query.weight[rows] = query


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=DEMO / "model", help="Folder of the model.")
@click.option("--documentation", type=click.Path(path_type=Path), default=corpus.DOCUMENTATION, show_default=True)
@click.option("--documents", type=click.Path(path_type=Path), default=DEMO / "documents.jsonl")
@click.option("--card", type=click.Path(path_type=Path), default=DEMO / "MODEL_CARD.md")
@click.option(
    "--trunk",
    type=click.Path(path_type=Path),
    help="Folder to keep the masked-language model in, or to take it from.",
)
@click.option("--seed", default=0, show_default=True)
@click.option("--pretrain-steps", default=3_000, show_default=True)
@click.option("--finetune-steps", default=300, show_default=True)
@click.option("--measure-only", is_flag=True, help="Train nothing; measure the model in the output folder.")
def main(
    output: Path,
    documentation: Path,
    documents: Path,
    card: Path,
    trunk: Path | None,
    seed: int,
    pretrain_steps: int,
    finetune_steps: int,
    measure_only: bool,
) -> None:
    """Train the demo model on the documentation of two projects and measure it on that of two others."""
    projects = corpus.projects(documentation)
    if not measure_only:
        train(projects[:2], seed=seed, steps=(pretrain_steps, finetune_steps), output=output, trunk=trunk)
    figures = measure.measure(output, projects, measure.documents(documents))
    model_card.write(figures, output, card)
    click.echo(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
