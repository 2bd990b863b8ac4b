"""Turn characters that no font on this machine has into what to install for them.

Nothing is looked for or installed here. Which package has which script was read from the fonts of Debian 12's packages,
whose Noto is that of Unicode 13 in later releases too: `fonts-noto-extra` has more weights, but no script more.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Any, NamedTuple

import regex


class Package(NamedTuple):
    """What brings the fonts of a script."""

    debian: str  # Ubuntu's name too
    fedora: str | None = None  # None where Fedora has none that is as good


class Group(NamedTuple):
    """Characters of one script, or of one kind where they belong to none."""

    name: str  # "Thai", "emoji", "private use"
    characters: tuple[str, ...]
    package: Package | None  # None where no package of fonts is known


CORE = Package("fonts-noto-core", "google-noto-fonts-all")
CJK = Package("fonts-noto-cjk", "google-noto-sans-cjk-fonts")
EMOJI = Package("fonts-noto-color-emoji", "google-noto-color-emoji-fonts")
SYMBOLA = Package("fonts-symbola")
RARE_HAN = Package("fonts-hanazono")  # extensions B to F
NEW_HAN = Package("fonts-babelstone-han")  # extensions G and H, as far as there are any, and old forms of kana
UNIFONT = Package("fonts-unifont")  # drawn of squares, but for these nothing else is packaged

KINDS: dict[str, tuple[str, Package | None]] = {  # the first that fits
    "private use": (r"\p{Co}", None),
    "unassigned": (r"\p{Cn}", None),
    "emoji": (r"[\p{Emoji}--[0-9#*©®]]", EMOJI),
    "rare Han": (r"[\ufa70-\ufad9\U00020000-\U0002ffff]", RARE_HAN),
    "new Han": (r"[\u4db6-\u4dbf\u9ff0-\u9fff\U00030000-\U0003ffff]", NEW_HAN),
    "rare kana": (r"[\U0001b000-\U0001b16f]", NEW_HAN),
    "rare symbols": (r"[\u23b7-\u23bd\u2500-\u259f\U0001f260-\U0001f265\U0001f900-\U0001f90b]", SYMBOLA),
    "recent additions": (
        r"[\u0860-\u089f\u08b5\u08be-\u08d2\u1ac1-\u1aff\u20c0\u2427-\u2429\u2b96\u2e53-\u2e7f\ua7c0-\ua7f4"
        r"\ufbc2\ufd40-\ufd4f\ufdcf\ufdfe\ufdff\U00010780-\U000107bf\U00011ab0-\U00011abf\U00011b00-\U00011b09"
        r"\U0001aff0-\U0001afff\U0001cf00-\U0001cfcf\U0001d2c0-\U0001d2df\U0001df00-\U0001df2f"
        r"\U0001e030-\U0001e08f\U0001e7e0-\U0001e7ff\U0001ed00-\U0001ed4f]",
        UNIFONT,
    ),
    "East Asian signs": (
        r"[\p{Script=Common}\p{Script=Inherited}\p{Script=Latin}]"
        r"(?<=[\u2ff0-\u2fff\u3000-\u33ff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uffef\U0001f200-\U0001f2ff])",
        CJK,
    ),
    "marks": (r"[\p{Script=Inherited}&&\p{M}]", CORE),
    "symbols": (r"\p{Script=Common}", CORE),
}
SCRIPTS = {  # as Unicode names them
    CORE: """Latin Greek Cyrillic Arabic Hebrew Devanagari Thai Bengali Tamil Telugu Gujarati Gurmukhi Kannada
        Malayalam Oriya Sinhala Myanmar Khmer Lao Tibetan Georgian Armenian Ethiopic Cherokee Canadian_Aboriginal
        Mongolian Syriac Thaana Nko Adlam Ahom Anatolian_Hieroglyphs Avestan Balinese Bamum Bassa_Vah Batak Bhaiksuki
        Brahmi Braille Buginese Buhid Carian Caucasian_Albanian Chakma Cham Coptic Cuneiform Cypriot Deseret Dogra
        Duployan Egyptian_Hieroglyphs Elbasan Elymaic Glagolitic Gothic Grantha Gunjala_Gondi Hanifi_Rohingya Hanunoo
        Hatran Imperial_Aramaic Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kayah_Li Kharoshthi Khojki
        Khudawadi Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Mandaic Manichaean Marchen Masaram_Gondi
        Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mro Multani Nabataean
        Newa New_Tai_Lue Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian
        Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Osage Osmanya Pahawh_Hmong Palmyrene
        Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham
        SignWriting Sogdian Sora_Sompeng Soyombo Sundanese Syloti_Nagri Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri
        Tangut Tifinagh Tirhuta Ugaritic Vai Wancho Warang_Citi Yezidi Yi Zanabazar_Square""",
    CJK: "Han Hiragana Katakana Hangul Bopomofo",
    UNIFONT: """Chorasmian Cypro_Minoan Dives_Akuru Kawi Khitan_Small_Script Makasar Nag_Mundari Nandinagari Old_Uyghur
        Tangsa Toto Vithkuqi""",
}


def groups(characters: tuple[str, ...]) -> tuple[Group, ...]:
    """The distinct characters by script, in order of appearance.

    >>> [(group.name, group.package.debian) for group in groups(("ก", "漢", "ข")) if group.package]
    [('Thai', 'fonts-noto-core'), ('Han', 'fonts-noto-cjk')]
    """
    members: dict[tuple[str, Package | None], list[str]] = {}
    for character in dict.fromkeys(characters):
        members.setdefault(_kind(character), []).append(character)
    return tuple(Group(name, tuple(own), package) for (name, package), own in members.items())


def packages(found: tuple[Group, ...]) -> tuple[Package, ...]:
    """What to install for all of them, each once."""
    return tuple(dict.fromkeys(group.package for group in found if group.package))


def named(character: str) -> str:
    """A character for people who cannot see it.

    >>> named("ก")
    'U+0E01 THAI CHARACTER KO KAI'
    """
    return f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"


def _kind(character: str) -> tuple[str, Package | None]:
    """Its script or kind, and the package."""
    pattern, found = _pattern()
    match = pattern.match(character)
    return found[match.lastindex - 1] if match else ("other scripts", None)


@functools.cache
def _pattern() -> tuple[Any, tuple[tuple[str, Package | None], ...]]:
    """One group per kind, and what it stands for."""
    kinds = [(name, told, package) for name, (told, package) in KINDS.items()]
    for package, names in SCRIPTS.items():
        kinds += [(name.replace("_", " "), rf"\p{{Script={name}}}", package) for name in names.split()]
    pattern = regex.compile("|".join(f"({told})" for _, told, _ in kinds), regex.V1)
    return pattern, tuple((name, package) for name, _, package in kinds)
