"""The colours of text and charts, light and dark: heat, lines by layer and by head. The font of charts."""

FONT = "Inter, Helvetica Neue, Arial, Noto Sans, DejaVu Sans, sans-serif"

INK, MUTED, RULE, ACCENT = "#1b1b1b", "#5d5d5d", "#e3e0dd", "#c6521a"  # of charts, on paper
LINE = 0.32  # how much of the line below a colour is ink
TEXT, TEXT_DARK = "#000", "#f6f2ee"  # of the heatmap: each can be read on every step of its page

# One hue whose OKLCH lightness falls (light page) or rises (dark page) in even steps, from the colour of the page. One
# ink can be read on every step: letters never change their colour from word to word.
HEAT_LIGHT = (
    "#fffdfb", "#fff1eb", "#ffe5da", "#fed9c9", "#fbceba", "#f8c3ab", "#f4b89d", "#f0ad8f",
    "#eba281", "#e69773", "#e18c64", "#dc8156", "#d77648", "#d16a38", "#cb5f26", "#c6521a",
)  # fmt: skip
HEAT_DARK = (
    "#161412", "#221712", "#2c1a12", "#371d12", "#412012", "#4b2312", "#552712", "#602a12",
    "#6a2d11", "#753010", "#80340f", "#8a370d", "#953b0a", "#a03e07", "#ab4204", "#b74600",
)  # fmt: skip
CELLS_LIGHT = HEAT_LIGHT[2:]  # of numbers in a grid: two steps off the page's colour, a cell of 0 is seen as a cell

# Two hues for what has a sign, from the strongest against to the strongest for; 0, between the eighth and the ninth, is
# the white of the page. Lightness falls (light page) or rises (dark page) from the middle in even steps, alike on both
# sides; the page's own ink can be read on every step. The orange is about that of the heat.
SIGNED_LIGHT = (
    "#4990e8", "#62a0ee", "#7aaff3", "#91bef7", "#a9cdfb", "#c1dbfe", "#daeaff", "#f3f8ff",
    "#fef6f1", "#fde2d4", "#f9cfb9", "#f4bb9f", "#eda885", "#e6956b", "#df8250", "#d66e31",
)  # fmt: skip
SIGNED_DARK = (
    "#2864ac", "#265997", "#234e82", "#21436d", "#1e3859", "#1b2e46", "#182433", "#161a1f",
    "#1e1815", "#301e15", "#412516", "#532c16", "#653215", "#773914", "#8a4012", "#9d480e",
)  # fmt: skip

# Viridis and plasma in even steps, cut where a line would fall below 3:1 against the page.
VIRIDIS_LIGHT = (
    "#440154", "#460b5e", "#481467", "#481d6e", "#482575", "#472d7b", "#453580", "#433d84",
    "#414587", "#3e4c89", "#3b538b", "#38598c", "#35618d", "#32678e", "#2f6d8e", "#2c738e",
    "#2a798e", "#287f8e", "#24868e", "#228c8e", "#21928d", "#1f978b", "#1f9d89", "#20a386",
)  # fmt: skip
VIRIDIS_DARK = (
    "#306a8e", "#2d708e", "#2a778e", "#287f8e", "#24868e", "#228c8e", "#20948c", "#1f9a8a",
    "#1fa188", "#22a784", "#29af80", "#31b57b", "#3dbb75", "#49c16e", "#59c765", "#68cd5c",
    "#7ad151", "#8bd646", "#9fda3a", "#b2dd2e", "#c6e022", "#d8e31b", "#ede51c", "#fde725",
)  # fmt: skip
PLASMA_LIGHT = (
    "#0d0887", "#1f068e", "#2d0595", "#3a049a", "#46039f", "#5202a3", "#5b01a6", "#6600a7",
    "#7101a8", "#7c02a8", "#8606a6", "#900da4", "#9a159f", "#a31d9a", "#ac2594", "#b42d8e",
    "#bb3587", "#c33d80", "#c9447b", "#cf4c75", "#d5546e", "#db5c68", "#e16462", "#e66c5c",
)  # fmt: skip
PLASMA_DARK = (
    "#b02991", "#b7318b", "#be3885", "#c5407e", "#cb4779", "#d24f72", "#d7566c", "#dd5e66",
    "#e26561", "#e76e5b", "#eb7655", "#f07f4f", "#f3874a", "#f79043", "#fa993e", "#fba238",
    "#fcac33", "#fdb72d", "#fec029", "#fccc26", "#fad624", "#f7e225", "#f4ed26", "#f0f921",
)  # fmt: skip

PAINTED = HEAT_LIGHT + SIGNED_LIGHT  # on paper, by class: 0 to 15 have no sign, 16 to 31 have one
LINED = range(16, 22)  # classes of what speaks against clearly: a line below shows it where no colour is seen

# By the letter of their CSS variables: --h0, --s0, --v0, --p0.
LIGHT = {"h": HEAT_LIGHT, "s": SIGNED_LIGHT, "v": VIRIDIS_LIGHT, "p": PLASMA_LIGHT}
PAPER: dict[str, tuple[str, ...]] = {"h": HEAT_LIGHT, "s": SIGNED_LIGHT}  # of the text, printed
DARK = {"h": HEAT_DARK, "s": SIGNED_DARK, "v": VIRIDIS_DARK, "p": PLASMA_DARK}


def font_family(first: str | None) -> str:
    """The fonts of charts, as CSS lists them; *first* before them if there is one."""
    return f"{first}, {FONT}" if first else FONT


def line_below(colour: str) -> str:
    """The colour of a line below *colour*: a third of it is ink.

    >>> line_below("#ffffff")
    '#b6b6b6'
    """
    parts = ((int(colour[at : at + 2], 16), int(INK[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(own * (1 - LINE) + ink * LINE):02x}" for own, ink in parts)
