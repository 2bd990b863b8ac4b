r"""Turn text from outside into commands and ASCII, which TeX reads alike in every engine, encoding and language.

Nothing of the text can command TeX. Letters that TeX's own fonts lack are not known here: `glyphs.py` sets them.
"""

from __future__ import annotations

import itertools
import unicodedata

# Native in T1 or TS1 (pdfLaTeX) and in Latin Modern (XeLaTeX, LuaLaTeX) alike, as one glyph that copies as it was
# written. Not U+0110, which T1 has as the Icelandic letter.
LETTERS = (
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿ"
    "ĂăĄąĆćČčĎďĘęĚěĞğİıĹĺĽľŁłŃńŇňŊŋŐőŒœŔŕŘřŚśŞşŠšŢţŤťŮůŰűŸŹźŻżŽž"
)
MARKS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0306": "u ", "\u0307": ".", "\u0308": '"',
    "\u030a": "r ", "\u030b": "H ", "\u030c": "v ", "\u0327": "c ", "\u0328": "k ",
}  # fmt: skip
WHOLE = {
    "Æ": "AE", "æ": "ae", "Ð": "DH", "ð": "dh", "Ø": "O", "ø": "o", "Þ": "TH", "þ": "th", "ß": "ss", "ı": "i",
    "Ł": "L", "ł": "l", "Ŋ": "NG", "ŋ": "ng", "Œ": "OE", "œ": "oe",
}  # fmt: skip
SIGNS = {
    "‘": "quoteleft", "’": "quoteright", "“": "quotedblleft", "”": "quotedblright", "–": "endash", "—": "emdash",
    "…": "ellipsis", "€": "euro", "™": "trademark", "¡": "exclamdown", "¿": "questiondown", "§": "section",
    "¶": "paragraph", "©": "copyright", "®": "registered", "°": "degree", "±": "pm", "×": "times", "÷": "div",
    "¢": "cent", "£": "sterling", "¥": "yen", "†": "dagger", "‡": "daggerdbl", "•": "bullet", "‰": "perthousand",
    "\\": "backslash", "{": "braceleft", "}": "braceright", "$": "dollar", "_": "underscore", "^": "asciicircum",
    "~": "asciitilde", "'": "quotesingle", "`": "asciigrave", '"': "quotedbl", "<": "less", ">": "greater", "|": "bar",
}  # fmt: skip
NAMED = {
    "‚": "quotesinglbase", "„": "quotedblbase", "«": "guillemotleft", "»": "guillemotright", "‹": "guilsinglleft",
    "›": "guilsinglright", "\xa0": "nobreakspace",
}  # fmt: skip
LIGATED = "-–,<>‘’!?"  # two of these in a row may become one sign


def _command(letter: str) -> str:
    r"""The command of a letter with a mark.

    >>> print(_command("ü"), _command("ą"), _command("í"))
    {\"u} {\k a} {\'\i}
    """
    base, mark = tuple(unicodedata.normalize("NFD", letter))
    return f"{{\\{MARKS[mark]}{base if base != 'i' else f'{chr(92)}i'}}}"


TEX = (
    {letter: f"{{\\{WHOLE[letter]}}}" if letter in WHOLE else _command(letter) for letter in LETTERS}
    | {sign: f"\\text{word}{{}}" for sign, word in SIGNS.items()}
    | {sign: f"\\{word}{{}}" for sign, word in NAMED.items()}
    | {sign: f"\\{sign}" for sign in "&#%"}
)
SAFE = frozenset(map(chr, range(0x21, 0x7F))) | frozenset(TEX)


def escape(text: str) -> str:
    r"""Characters of `SAFE` as TeX sets them one by one, without ligatures that are other signs.

    >>> print(escape("50%--\\x, Grüße"))
    50\%-{\kern0pt}-\textbackslash{}x, Gr{\"u}{\ss}e
    """
    pairs = itertools.zip_longest(text, text[1:], fillvalue="x")
    return "".join(TEX.get(a, a) + r"{\kern0pt}" * (a in LIGATED and b in LIGATED) for a, b in pairs)
