#!/bin/sh
# tokenizers 0.23.3: the offsets of what a normalizer has put in the place of a word point at its last letter.
#
# Expected: the offsets of a token that stands for replaced characters span all of them.
# Seen: after Replace, tokens of the new characters point at the last of the old ones alone, and after NFC a letter that was
# joined with its accent points at the letter without the accent. What is left belongs to no token. The tokenizers of
# ALBERT and XLNet make one sign of a pair of quotes (`` of LaTeX): a heatmap, or a span of an entity, gets half of it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check "tokenizers==0.23.3"
cat > "$folder/try.py" <<'PY'
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers


def shown(normalizer, text):
    """The tokens of a text, each with the characters that its offsets span."""
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizers.Whitespace()
    found = [(normalizer.normalize_str(text), text[start:end]) for start, end in tokenizer.encode(text).offsets]
    print(f"{text!r}: {found}")
    return [piece for _, piece in found]


assert shown(normalizers.Lowercase(), "Word") == ["Word"]
assert shown(normalizers.NFKC(), "\ufb01ne") == ["\ufb01ne"]
assert shown(normalizers.Replace("kostet", "costs"), "kostet") == ["t"], "mended"
assert shown(normalizers.Replace(Regex("[0-9]+"), "number"), "2024") == ["4"], "mended"
assert shown(normalizers.Replace("``", '"'), "``") == ["`"], "mended"
assert shown(normalizers.NFC(), "cafe\u0301") == ["cafe"], "mended: an accent"
PY
"$folder/venv/bin/python" "$folder/try.py" 2> "$folder/said" || { cat "$folder/said"; exit 1; }
