#!/bin/sh
# transformers 5.23.0, a DeBERTa or BigBird with spm.model and no tokenizer.json, as the published DeBERTa-v3 has it: the
# normalizer of SentencePiece is left out.
#
# Expected: AutoTokenizer gives the pieces that SentencePiece gives, as it does for XLM-RoBERTa.
# Seen: ligatures, full-width letters and other signs that NFKC makes letters of become <unk>. Text from PDFs is full of
# them: "ﬁne" is <unk> and "ne". SentencePiece was trained on "fine". Nothing warns.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6" "sentencepiece==0.2.3" "protobuf==7.36.2"
cat > "$folder/try.py" <<'PY'
import shutil
import tempfile
from pathlib import Path

import sentencepiece
from transformers import AutoTokenizer, BigBirdConfig, DebertaV2Config, XLMRobertaConfig

folder = Path(tempfile.mkdtemp())
(folder / "corpus.txt").write_text("a fine flow of the office in full width\n" * 50)
sentencepiece.SentencePieceTrainer.train(
    input=str(folder / "corpus.txt"), model_prefix=str(folder / "own"), vocab_size=40, hard_vocab_limit=False,
    user_defined_symbols=["[CLS]", "[SEP]", "[MASK]", "<pad>"], minloglevel=2,
)
own = sentencepiece.SentencePieceProcessor(str(folder / "own.model"))
TEXT = "\ufb01ne \ufb02ow, \uff46\uff55\uff4c\uff4c"  # ligatures, full-width letters
pieces = own.encode(TEXT, out_type=str)
print("sentencepiece:", pieces)
unknown = {}
for config, name in (
    (XLMRobertaConfig(), "sentencepiece.bpe.model"), (DebertaV2Config(), "spm.model"), (BigBirdConfig(), "spiece.model")
):
    made = folder / config.model_type
    config.save_pretrained(made)
    shutil.copy(folder / "own.model", made / name)
    tokenizer = AutoTokenizer.from_pretrained(made)
    read = tokenizer.tokenize(TEXT)
    unknown[config.model_type] = sum(i == tokenizer.unk_token_id for i in tokenizer.convert_tokens_to_ids(read))
    print(f"{config.model_type}: {read}, {unknown[config.model_type]} unknown")
    if config.model_type == "xlm-roberta":
        assert read == pieces
shutil.rmtree(folder)
assert own.encode(TEXT).count(own.unk_id()) == unknown["xlm-roberta"] == 1  # the comma
assert unknown["deberta-v2"] > 1 < unknown["big_bird"], "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
