"""Write what readers see: labels in place of characters that cannot be written or seen."""

import re
import unicodedata

UNPRINTABLE = re.compile("[\ud800-\udfff\ufffe\uffff]")  # no tokenizer, PDF or Parquet file takes these
PICTURES = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"} | {0x7F: "\u2421"}
JOINERS = "\u200c\u200d"  # belong to the words and emoji around them
TAGS = range(0xE0020, 0xE0080)  # spell the flag they follow
_SEEN = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_UNSEEN = (byte for byte in range(0x100) if byte not in _SEEN)
# Bytes by the letters that byte-level tokenizers write them as (Radford et al. 2019).
BYTES = {chr(byte): byte for byte in _SEEN} | {chr(0x100 + n): byte for n, byte in enumerate(_UNSEEN)}


def clean(text: str) -> str:
    r"""Replace characters that cannot be written by U+FFFD, one for one, so that offsets stay.

    >>> clean("a\ud800b") == "a\ufffdb"
    True
    """
    return UNPRINTABLE.sub("\ufffd", text)


def one_break(text: str) -> str:
    r"""The text with each CRLF as the one line break that it is, for places that show it.

    >>> one_break("a\r\nb\r")
    'a\nb\r'
    """
    return text.replace("\r\n", "\n")


def visible(text: str) -> str:
    r"""The text with its invisible characters as labels, for places that take nothing else: drawings.

    >>> visible("a\0b")
    'a␀b'
    """
    return "".join(label(character) or character for character in one_break(text))


def cut(text: str, most: int) -> str:
    """The text, or the beginning of one that has more than *most* characters.

    >>> cut("attention", 9), cut("attention heads", 12)
    ('attention', 'attention h…')
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def right_to_left(text: str) -> bool:
    r"""Whether the text has letters that are written from right to left.

    >>> right_to_left("a\u05d0"), right_to_left("ab 12")
    (True, False)
    """
    return any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)


def label(character: str) -> str | None:
    r"""The label of an invisible character; None for a visible one.

    >>> label("\u202e"), label("\0"), label("a")
    ('U+202E', '\u2400', None)
    """
    if character in JOINERS or character in "\n\t" or ord(character) in TAGS:
        return None
    if unicodedata.category(character) not in ("Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs"):
        return None
    return PICTURES.get(ord(character), f"U+{ord(character):04X}")


def natural(name: str) -> tuple[tuple[str, int, str], ...]:
    """A key by which 2 comes before 10.

    >>> sorted(["demo-10", "demo-2", "Demo-1"], key=natural)
    ['Demo-1', 'demo-2', 'demo-10']
    """
    parts = re.findall(r"([^0-9]*)([0-9]*)", name)
    return tuple(
        (text.casefold(), int(number or -1) if len(number) < 20 else 0, text + number) for text, number in parts
    )
