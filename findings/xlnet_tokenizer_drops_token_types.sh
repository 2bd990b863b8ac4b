#!/bin/sh
# transformers 5.23.0, XLNetTokenizer: the token types of XLNet do not reach the model.
#
# Expected: XLNet's template gives <cls> the type 2, and XLNetForSequenceClassification takes token_type_ids, so the
# tokenizer returns them, as version 4 did.
# Seen: the tokenizer inside has the type 2, and calling XLNetTokenizer returns no token_type_ids.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "torch==2.13.0" "transformers==5.23.0" "numpy==2.4.6"
cat > "$folder/try.py" <<'PY'
from transformers import XLNetTokenizer

names = ("<unk>", "<s>", "</s>", "<sep>", "<cls>", "<pad>", "<mask>", "\u2581of")
tokenizer = XLNetTokenizer(vocab=[(name, 0.0) for name in names])
inside = tokenizer.backend_tokenizer.encode("of")
print(f"tokens {inside.tokens}, types inside {inside.type_ids}, returned: {sorted(tokenizer('of'))}")
assert inside.type_ids[-1] == 2
assert "token_type_ids" not in tokenizer("of"), "mended"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
