"""The heat colours and what can be read on them: one scale for page, PDF and charts, light and dark."""

# One hue whose OKLCH lightness falls (light page) or rises (dark page) in even steps.
HEAT_LIGHT = (
    "#fdf6f4", "#fde6de", "#fad8ca", "#f6c9b8", "#f1bba6", "#ebad95", "#e49f84", "#de9173",
    "#d78362", "#cf7551", "#c8673f", "#c0592d", "#b74a15", "#ab3e00", "#9b3903", "#8b3100",
)  # fmt: skip
HEAT_DARK = (
    "#28211e", "#392922", "#4a3026", "#5c382a", "#6e402e", "#814731", "#944f34", "#a75737",
    "#bb5f39", "#d0673c", "#e46f3e", "#f77944", "#fe8b5d", "#fea27e", "#ffb69a", "#fecab6",
)  # fmt: skip


def text_on(colour: str) -> str:
    """Black or white, whichever can be read better on *colour*: never below 4.5:1."""
    return "#000" if luminance(colour) > 0.179 else "#fff"


def luminance(colour: str) -> float:
    """Relative luminance of "#rrggbb" as WCAG 2.2 defines it."""
    parts = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
