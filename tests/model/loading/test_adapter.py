"""adapter: an adapter of PEFT is merged into its model, and says what PEFT's own says."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from peft import IA3Config, LoHaConfig, LoraConfig, PeftModel, PromptTuningConfig, TaskType
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from reportgen.core.config import Config
from reportgen.core.errors import ModelError, RefusedError, UsageError
from reportgen.model import checkpoint, classifier, predict_split
from reportgen.model.checkpoint import ADAPTER
from reportgen.model.loading import adapter
from tests import tiny
from tests.hub import Hub

SEQ = TaskType.SEQ_CLS
IDS = torch.tensor([[0, 7, 8, 9, 10, 11, 2]])
LORA = {"task_type": SEQ, "r": 2, "target_modules": ["query", "value"]}
KINDS: dict[str, tuple[str, Any, int]] = {
    "lora": ("bert", LoraConfig(**LORA), 3),
    "lora on a longformer": ("longformer", LoraConfig(**LORA | {"bias": "all"}), 2),
    "lora on a decoder": ("llama", LoraConfig(**LORA | {"target_modules": ["q_proj", "v_proj"]}), 4),
    "lora on embeddings": ("bert", LoraConfig(**LORA | {"target_modules": ["word_embeddings"]}), 2),
    "embeddings as a whole": ("bert", LoraConfig(**LORA, modules_to_save=["word_embeddings"]), 2),
    "dora": ("roberta", LoraConfig(**LORA, use_dora=True), 2),
    "pissa": ("bert", LoraConfig(**LORA, init_lora_weights="pissa"), 2),
    "ia3": ("bert", IA3Config(task_type=SEQ, target_modules=["query", "value"], feedforward_modules=[]), 2),
    "loha": ("bert", LoHaConfig(task_type=SEQ, r=2, target_modules=["query"], modules_to_save=["classifier"]), 2),
    "a head of several layers": (
        "longformer",
        IA3Config(task_type=SEQ, target_modules=["query"], feedforward_modules=[]),
        3,
    ),
    "the same of another kind": ("roberta", LoHaConfig(task_type=SEQ, r=2, target_modules=["query"]), 2),
}


def make(folder: Path, kind: str, settings: Any, *, labels: int = 2, head: bool = False) -> tuple[Path, Tensor]:
    """A model without a head (or with one), a trained adapter of it, and what PEFT's own model says of `IDS`."""
    base = tiny.save(tiny.longformer() if kind == "longformer" else tiny.dense(kind), folder / "base")
    if not head:
        heads = ("classifier", "score")
        tiny.change_weights(base, lambda all_: {n: t for n, t in all_.items() if not n.startswith(heads)})
        tiny.change(base, id2label=..., label2id=..., architectures=["BertForMaskedLM"])
    torch.manual_seed(1)
    model = peft.get_peft_model(AutoModelForSequenceClassification.from_pretrained(base, num_labels=labels), settings)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.3)
        model.eval().save_pretrained(folder / "adapter")
        return folder / "adapter", model(input_ids=IDS).logits


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tensor]:
    return make(tmp_path_factory.mktemp("lora"), "bert", LoraConfig(**LORA), labels=3)


@pytest.fixture
def lora(made: tuple[Path, Tensor], tmp_path: Path) -> Path:
    """A LoRA of a tiny BERT with three labels, to damage; its model is beside it."""
    shutil.copytree(made[0].parent, tmp_path / "lora")
    return edit(tmp_path / "lora/adapter", base_model_name_or_path=str(tmp_path / "lora/base"))


def edit(folder: Path, **values: Any) -> Path:
    """Change entries of adapter_config.json."""
    path = folder / ADAPTER
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    return folder


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Path:
    path = folder / "adapter_model.safetensors"
    save_file({name: tensor.clone() for name, tensor in change(load_file(path)).items()}, path)
    return folder


def says(model: Any) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(input_ids=IDS).logits
    return logits


@pytest.mark.parametrize("name", KINDS)
def test_the_merged_model_says_what_pefts_own_says(tmp_path: Path, name: str) -> None:
    """With the number of labels of the adapter's head, whatever its model knows."""
    kind, settings, labels = KINDS[name]
    folder, expected = make(tmp_path, kind, settings, labels=labels)
    loaded = tiny.load(folder)
    torch.testing.assert_close(says(loaded.model), expected)
    assert loaded.labels == tuple(f"LABEL_{number}" for number in range(labels))
    assert not loaded.model.training
    assert all(parameter.requires_grad for parameter in loaded.model.parameters())  # for head importance
    assert type(loaded.model).__module__.startswith("transformers.")


def test_it_is_what_peft_reads_from_the_same_folder(made: tuple[Path, Tensor]) -> None:
    """Not only what was in memory when it was saved."""
    base = AutoModelForSequenceClassification.from_pretrained(made[0].parent / "base", num_labels=3)
    own = PeftModel.from_pretrained(base, str(made[0])).eval()
    torch.testing.assert_close(says(tiny.load(made[0]).model), says(own))


def test_a_head_of_the_model_is_used_where_the_adapter_has_none(tmp_path: Path) -> None:
    """With its labels."""
    settings = LoraConfig(r=2, target_modules=["query"])
    folder, expected = make(tmp_path, "bert", settings, head=True)
    loaded = tiny.load(folder)
    torch.testing.assert_close(says(loaded.model), expected)
    assert loaded.labels == tiny.LABELS


def test_without_a_head_anywhere_it_is_refused(tmp_path: Path) -> None:
    """It would be random."""
    folder, _ = make(tmp_path, "bert", LoraConfig(r=2, target_modules=["query"]))
    error = tiny.refused(folder)
    assert "neither it nor its adapter holds classifier.bias, classifier.weight" in error.message
    assert "SEQ_CLS" in error.hint


def test_a_part_of_the_head_that_peft_does_not_save_is_named_with_the_setting_that_does(tmp_path: Path) -> None:
    """PEFT saves modules by their names; the pooler of DeBERTa is drawn at random wherever it is read."""
    base = tiny.save(tiny.dense("deberta-v2"), tmp_path / "base")
    heads = ("classifier", "pooler")
    tiny.change_weights(base, lambda all_: {n: t for n, t in all_.items() if not n.startswith(heads)})
    for more, held in (({}, False), ({"modules_to_save": ["pooler"]}, True)):
        settings = LoraConfig(**LORA | {"target_modules": ["query_proj"]} | more)
        model = peft.get_peft_model(AutoModelForSequenceClassification.from_pretrained(base), settings).eval()
        model.save_pretrained(tmp_path / "adapter")
        if held:
            with torch.no_grad():
                torch.testing.assert_close(says(tiny.load(tmp_path / "adapter").model), model(input_ids=IDS).logits)
        else:
            error = tiny.refused(tmp_path / "adapter")
            assert "neither it nor its adapter holds pooler.dense.bias, pooler.dense.weight" in error.message
            assert 'modules_to_save=["pooler"] these' in error.hint


def test_the_labels_may_come_with_the_adapter(lora: Path) -> None:
    """In a config.json of its own, or by `--labels`."""
    names = ("no", "maybe", "yes")
    assert tiny.load(lora, labels=names).labels == names
    (lora / "config.json").write_text(json.dumps({"id2label": dict(enumerate(names, start=1))}))
    assert tiny.load(lora).labels == names


def test_the_tokenizer_is_the_adapters_or_that_of_its_model(lora: Path) -> None:
    """Many adapters are saved without one."""
    found = checkpoint.find(str(lora))
    assert (found.tokenizer, found.tokenizer_location) == (str(lora.parent / "base"), str(lora.parent / "base"))
    tiny.tokenizer().save_pretrained(lora)
    found = checkpoint.find(str(lora))
    assert (found.tokenizer, found.tokenizer_location) == (str(lora), None)


def test_the_adapter_may_be_in_pytorchs_format(lora: Path, made: tuple[Path, Tensor]) -> None:
    """Read without unpickling; a payload is refused."""
    torch.save(load_file(lora / "adapter_model.safetensors"), lora / "adapter_model.bin")
    (lora / "adapter_model.safetensors").unlink()
    torch.testing.assert_close(says(tiny.load(lora).model), made[1])
    with pytest.raises(RefusedError, match="no safetensors weights"):
        tiny.load(lora, require_safetensors=True)
    torch.save({"a": Path("x")}, lora / "adapter_model.bin")
    assert "would run code" in tiny.refused(lora, RefusedError).message


def test_half_precision_is_merged_too(made: tuple[Path, Tensor]) -> None:
    """Rounding is allowed for."""
    loaded = tiny.load(made[0], dtype="bfloat16")
    assert loaded.model.dtype == torch.bfloat16
    torch.testing.assert_close(says(loaded.model).float(), made[1], atol=0.05, rtol=0.05)


# which model, which weights


def test_the_hash_covers_the_adapter_and_its_model(lora: Path) -> None:
    """A change of either is another model, also for what is cached of its predictions."""
    seen = {checkpoint.find(str(lora)).weights_sha256()}
    rewrite(lora, lambda all_: {name: tensor + 1 for name, tensor in all_.items()})
    seen.add(checkpoint.find(str(lora)).weights_sha256())
    tiny.change_weights(lora.parent / "base", lambda all_: {name: tensor + 1 for name, tensor in all_.items()})
    seen.add(checkpoint.find(str(lora)).weights_sha256())
    assert len(seen) == 3
    assert predict_split.identify(tiny.load(lora))["weights"] in seen


def test_a_relative_name_is_found_from_here_and_beside_the_adapter(lora: Path, monkeypatch: Any) -> None:
    """As PEFT reads it; and in a folder that was moved as a whole."""
    edit(lora, base_model_name_or_path="../base")
    assert tiny.load(lora).labels
    monkeypatch.chdir(lora.parent)
    edit(lora, base_model_name_or_path="./base")
    assert tiny.load(lora).labels


@pytest.mark.parametrize("name", [None, "", 3])
def test_an_adapter_that_does_not_name_its_model_is_refused(lora: Path, name: Any) -> None:
    """PEFT leaves the name out for a model that was made in memory."""
    assert "does not name the model" in tiny.refused(edit(lora, base_model_name_or_path=name)).message


def test_a_model_that_is_not_there_is_named(lora: Path) -> None:
    """A folder on the machine where it was trained."""
    error = tiny.refused(edit(lora, base_model_name_or_path="/home/her/bert"))
    assert "belongs to /home/her/bert, which is not there" in error.message
    assert str(lora / ADAPTER) in error.hint


def test_an_adapter_of_an_adapter_is_refused(lora: Path) -> None:
    """One has to be merged first."""
    inner = Path(shutil.copytree(lora, lora.parent / "inner"))
    assert "is an adapter itself" in tiny.refused(edit(inner, base_model_name_or_path=str(lora))).message
    assert "is an adapter itself" in tiny.refused(edit(lora, base_model_name_or_path=str(lora))).message


@pytest.mark.parametrize(
    ("fields", "fact"),
    [
        ({"task_type": "TOKEN_CLS"}, "an adapter for token classification"),
        ({"task_type": "CAUSAL_LM"}, "an adapter for text generation"),
        ({"peft_type": "OF_TOMORROW"}, 'peft_type "OF_TOMORROW" is unknown to PEFT'),
        ({"peft_type": None}, "peft_type null is unknown"),
        ({"r": "2"}, f'{ADAPTER}: r is "2", not a number'),
        ({"lora_alpha": None}, f"{ADAPTER}: lora_alpha is null, not a number"),
        ({"peft_type": "lora"}, 'peft_type "lora" is unknown'),
        ({"target_modules": ["nope"]}, f"{ADAPTER}: No modules were targeted"),
    ],
)
def test_settings_of_another_kind_or_task_are_refused(lora: Path, fields: dict[str, Any], fact: str) -> None:
    """Exit code 4, also where the names of the head would fit."""
    error = tiny.refused(edit(lora, **fields))
    assert fact in error.message
    assert error.exit_code == 4


def test_the_adapter_of_another_model_is_refused(lora: Path) -> None:
    """PEFT finds no place for its weights, or another one."""
    other = tiny.save(tiny.dense("roberta"), lora.parent / "other")
    error = tiny.refused(edit(lora, base_model_name_or_path=str(other)))
    assert error.exit_code == 4
    assert "the adapter does not hold classifier." in error.message
    assert error.hint.startswith(f"check base_model_name_or_path in {ADAPTER}")


@pytest.mark.parametrize("change", ["a larger model", "another rank"])
def test_an_adapter_of_another_size_is_named_with_both_shapes(lora: Path, change: str) -> None:
    """Of its model, or of the rank that adapter_config.json says."""
    if change == "another rank":
        shapes = "(2, 16) in the adapter, and (4, 16)"
        edit(lora, r=4)
    else:
        shapes = "(2, 16) in the adapter, and (2, 32)"
        tiny.save(tiny.dense("bert", hidden_size=32), lora.parent / "base")
    error = tiny.refused(lora)
    assert f"lora_A.weight has the shape {shapes} by {ADAPTER} and its model (and " in error.message
    assert "base_model_name_or_path" in error.hint


@pytest.mark.parametrize("target", ["query", "word_embeddings"])
def test_tokens_that_the_adapter_has_added_are_read(tmp_path: Path, target: str) -> None:
    """The embeddings of all tokens are in the adapter then; the model on disk has fewer."""
    base = tiny.save(tiny.dense("bert"), tmp_path / "base")
    model = AutoModelForSequenceClassification.from_pretrained(base)
    model.resize_token_embeddings(tiny.VOCABULARY + 4)
    joined = peft.get_peft_model(model, LoraConfig(**LORA | {"target_modules": [target]})).eval()
    with torch.no_grad():
        for parameter in joined.parameters():
            if parameter.requires_grad:
                parameter.normal_(std=0.3)
    joined.save_pretrained(tmp_path / "adapter", save_embedding_layers=True)
    classifier = tiny.load(tmp_path / "adapter")
    assert len(classifier.vocabulary) == tiny.VOCABULARY + 4
    ids = torch.tensor([[0, 303, 302, 7, 2]])
    with torch.no_grad():
        torch.testing.assert_close(classifier.model(ids).logits, joined(ids).logits, atol=1e-5, rtol=0)


LOST = [
    (
        lambda all_: {n.replace("layer.1", "layer.7"): t for n, t in all_.items()},
        "no place in its model for 4 weights of the adapter",
    ),
    (lambda all_: all_ | {"base_model.model.more": torch.ones(2)}, "no place in its model for 1 weight of the adapter"),
    (lambda all_: {n: t for n, t in all_.items() if "lora_B" not in n}, "4 weights missing from the adapter"),
    (lambda all_: {n: t * float("nan") for n, t in all_.items()}, "not finite (NaN or Inf)"),
    (
        lambda all_: {n.removeprefix("base_model.model."): t for n, t in all_.items()},
        "have other names than PEFT gives them",
    ),
    (
        lambda all_: {n.replace(".lora_A.", ".lora_A.default."): t for n, t in all_.items()},
        "have other names than PEFT gives them",
    ),
]


@pytest.mark.parametrize(("change", "fact"), LOST)
def test_each_weight_of_the_adapter_is_taken_and_none_is_random(lora: Path, change: Any, fact: str) -> None:
    """PEFT itself only warns."""
    assert fact in tiny.refused(rewrite(lora, change)).message


def test_an_adapter_that_cannot_be_merged_says_why(tmp_path: Path) -> None:
    """Virtual tokens are no weights of the model."""
    folder, _ = make(tmp_path, "bert", PromptTuningConfig(task_type=SEQ, num_virtual_tokens=3))
    assert "PROMPT_TUNING puts virtual tokens before the text" in tiny.refused(folder).message


@pytest.mark.skipif(not hasattr(peft, "LilyConfig"), reason="this version of PEFT has no Lily")
def test_an_adapter_that_mixes_the_texts_of_a_batch_says_so(tmp_path: Path) -> None:
    """Its router takes the mean over all tokens that are read together, those of other texts and padding among them."""
    folder, _ = make(tmp_path, "bert", peft.LilyConfig(task_type=SEQ, target_modules=["query", "value"], r=2, num_B=2))
    assert "LILY weighs its parts by all texts that are read together" in tiny.refused(folder).message


def test_layers_that_are_run_twice_cannot_be_merged(tmp_path: Path) -> None:
    """They share their weights: each copy would get the changes of all."""
    settings = LoraConfig(**LORA | {"target_modules": ["q_proj"]}, layer_replication=[[0, 2], [1, 2]])
    folder, _ = make(tmp_path, "llama", settings)
    assert "(layer_replication)" in tiny.refused(folder).message


def test_a_merge_that_changes_what_the_model_says_is_refused() -> None:
    """Whatever the kind of adapter."""
    with pytest.raises(ModelError, match=r"logits 0\.5 apart"):
        adapter._check_equal("m", torch.tensor([2.0, 0]), torch.tensor([1.0, 0]), most=0.1)
    adapter._check_equal("m", torch.tensor([2.0, 0]), torch.tensor([1.9, 0]), most=0.1)


def test_a_module_that_an_adapter_names_is_not_imported(lora: Path, canary: Path, monkeypatch: Any) -> None:
    """PEFT would import `megatron_core`, from the current folder too: exit code 9."""
    monkeypatch.chdir(lora)
    (lora / "mine.py").write_text(f"import pathlib\npathlib.Path({str(canary)!r}).touch()\n")
    error = tiny.refused(edit(lora, megatron_config={"a": 1}, megatron_core="mine"), RefusedError)
    assert error.exit_code == 9


def test_a_damaged_adapter_is_named(lora: Path) -> None:
    """Like any other file of weights."""
    (lora / "adapter_model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\nsize 12\n")
    assert "adapter_model.safetensors is a pointer of Git LFS" in tiny.refused(lora).message
    (lora / "adapter_model.safetensors").unlink()
    assert "no weights (adapter_model.safetensors or adapter_model.bin)" in tiny.refused(lora).message
    (lora / ADAPTER).write_text("{")
    assert f"{ADAPTER} is not JSON" in tiny.refused(lora).message


def test_without_peft_the_extra_is_named(lora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was before PEFT was supported: exit code 4."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "peft" else find(name, *rest))
    error = tiny.refused(lora)
    assert error.exit_code == 4
    assert "an adapter, not a whole model" in error.message
    assert 'pip install "reportgen[peft]"' in error.hint
    assert "merge_and_unload()" in error.hint


# the hub


def test_an_adapter_of_the_hub_is_merged_into_its_model_of_the_hub(hub: Hub, made: tuple[Path, Tensor]) -> None:
    """Both at their commits, which a later run can ask for; the hub moves on."""
    base = hub.model("org/base", made[0].parent / "base")
    files = {path.name: path.read_bytes() for path in made[0].iterdir()}
    settings = json.loads(files[ADAPTER]) | {"base_model_name_or_path": "org/base"}
    commit = hub.model("org/lora", files | {ADAPTER: json.dumps(settings).encode()})
    found = checkpoint.find("org/lora")
    assert found.base is not None
    assert (found.revision, found.base.name, found.base.revision) == (commit, "org/base", base)
    assert found.merged_into == f"org/base, revision {base}"
    torch.testing.assert_close(says(classifier.load(found, device="cpu").model), made[1])
    exact = checkpoint.exact(Config(model="org/lora"), found)
    assert (exact.revision, exact.base_revision) == (commit, base)
    hub.model("org/base", {"config.json": b"{}"})
    again = checkpoint.named(exact)
    torch.testing.assert_close(says(classifier.load(again, device="cpu").model), made[1])
    assert again.weights_sha256() == found.weights_sha256() != ""


def test_an_adapter_in_the_cache_is_merged_offline(hub: Hub, made: tuple[Path, Tensor], request: Any) -> None:
    """PEFT asks the hub nothing; no socket is connected."""
    hub.model("org/base", made[0].parent / "base")
    files = {path.name: path.read_bytes() for path in made[0].iterdir()}
    settings = json.loads(files[ADAPTER]) | {"base_model_name_or_path": "org/base"}
    hub.model("org/lora", files | {ADAPTER: json.dumps(settings).encode()})
    tiny.load(Path("org/lora"))
    request.getfixturevalue("offline")
    torch.testing.assert_close(says(tiny.load(Path("org/lora")).model), made[1])


def test_the_revision_that_the_adapter_names_is_taken(hub: Hub, lora: Path) -> None:
    """PEFT records it; `--base-revision` goes before it."""
    old = hub.model("org/base", lora.parent / "base", branch="old")
    new = hub.model(
        "org/base", {path.name: path.read_bytes() for path in (lora.parent / "base").iterdir()} | {"x": b""}
    )
    edit(lora, base_model_name_or_path="org/base", revision="old")
    found = checkpoint.find(str(lora))
    assert found.base is not None
    assert found.base.revision == old
    chosen = checkpoint.find(str(lora), base_revision=new)
    assert chosen.base is not None
    assert chosen.base.revision == new


def test_a_model_of_the_hub_that_brings_code_is_refused_for_its_adapter(hub: Hub, lora: Path) -> None:
    """The model is checked like any other."""
    base = {path.name: path.read_bytes() for path in (lora.parent / "base").iterdir()}
    config = json.loads(base["config.json"]) | {"auto_map": {"AutoConfig": "x.Y"}}
    hub.model("org/base", base | {"config.json": json.dumps(config).encode()})
    with pytest.raises(RefusedError, match=r"org/base: config\.json would run its own code"):
        checkpoint.find(str(edit(lora, base_model_name_or_path="org/base")))


def test_an_adapter_of_the_hub_names_no_folder_of_this_machine(hub: Hub, lora: Path) -> None:
    """It is its author's; what is under that path here is somebody else's."""
    hub.model("org/lora", lora)
    with pytest.raises(ModelError, match="a folder on the machine of its author") as caught:
        checkpoint.find("org/lora")
    assert "hf download org/lora --local-dir DIR" in str(caught.value.hint)


def test_a_revision_of_a_model_that_is_no_adapters_is_a_usage_error(folder: Path) -> None:
    """Exit code 2."""
    with pytest.raises(UsageError, match=r"--base-revision main: .* is a whole model") as caught:
        checkpoint.find(str(folder), base_revision="main")
    assert caught.value.exit_code == 2
