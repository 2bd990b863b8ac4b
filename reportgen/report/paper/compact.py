"""Write a PDF with fewer bytes: the same pages, to a hundredth of a pixel, with the same words.

It works on the objects of pydyf, before they are compressed.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageChops

from reportgen.report.paper.tags import written

# Places, and points of paths. Not the matrices of drawings, whose numbers may be small.
POINT = re.compile(rb"^(?:1 0 0 -1 [-\d.]+ [-\d.]+ Tm|[-\d. ]+ (?:re|m|l|c))$", re.MULTILINE)
LONG = re.compile(rb"(\.\d\d)\d+")
LARGE = 256  # px
LETTERS = re.compile(rb"^\[.*\] TJ$", re.MULTILINE)
UNMOVED = re.compile(rb">-?0(?:<|(?=\]))")  # between two letters, or after the last
CLIPPED = re.compile(  # a box filled within itself
    rb"^q\n([-\d. ]+ re)\nW\nn\n/Artifact\nBMC\nq\n((?:/\S+ gs\n)?[^\n]+ rg)\n\1\nW\nn\n\1\nf\nQ\nEMC\nQ$", re.MULTILINE
)
MOVED = re.compile(rb"( cm\n)/(x\d+) Do(?=\n)")  # a group that is moved, and drawn as it is
RULE = re.compile(  # a line of a table: how it looks, from where, to where
    rb"/Artifact\nBMC\nq\nq\n((?:/\S+ gs\n)?[\d. ]+ RG\n[\d.]+ w\n)"
    rb"([\d.]+) ([\d.]+) m\n([\d.]+) ([\d.]+) l\nS\nQ\nQ\nEMC\n?"
)
RULES = re.compile(rb"(?:" + re.sub(rb"\((?!\?)", rb"(?:", RULE.pattern) + rb"){2,}")


def compact(made: Any) -> dict[bytes, bytes]:
    """Shorten what the pages draw, and their pictures.

    Returns:
        The objects that are to be removed, and those that replace them; by reference.
    """
    objects = {one.reference: one for one in made.objects}
    removed: dict[bytes, bytes] = {}
    for one in made.objects:
        if isinstance(one, dict) and one.get("Type") == "/Page":
            removed |= _open_groups(objects[one["Contents"]], one["Resources"], objects)
    for reference, one in objects.items():
        extra = getattr(one, "extra", {})
        drawn = isinstance(one, dict) and one.get("Type") == "/Page" and objects[one["Contents"]]
        if drawn:
            drawn.stream = [_shortened(written(drawn))]
        elif extra.get("Subtype") == "/Form" and reference not in removed:
            one.stream = [_shortened(written(one))]
        elif extra.get("Subtype") == "/Image" and extra.get("ColorSpace") == "/DeviceRGB" and "DecodeParms" in extra:
            _use_palette(one)
    return removed


def _open_groups(drawing: Any, resources: bytes, objects: dict[bytes, Any]) -> dict[bytes, bytes]:
    """Draw what is only moved in its place: WeasyPrint makes an object of every centred text of a drawing.

    Args:
        drawing: A page, or a group itself.
        resources: Reference to what it may use.
        objects: All, by reference.

    Returns:
        The objects that nobody refers to any more, and the resources that have replaced them.
    """
    own = objects[resources]
    removed: dict[bytes, bytes] = {}

    def opened(found: re.Match[bytes]) -> bytes:
        reference = own["XObject"].get(found[2].decode())
        group = objects.get(reference)
        if group is None or group.extra.get("Subtype") != "/Form":
            return found[0]
        used = group.extra["Resources"]
        inner = objects[used]
        removed.update(_open_groups(group, used, objects))
        if any(inner[kind] for kind in ("XObject", "Pattern", "Shading")):
            return found[0]
        own["ExtGState"].update(inner["ExtGState"])
        del own["XObject"][found[2].decode()]
        removed.update({reference: resources, used: resources})
        return found[1] + written(group)

    drawing.stream = [MOVED.sub(opened, written(drawing))]
    return removed


def _shortened(drawn: bytes) -> bytes:
    """Letters without distances of 0, places with fewer digits, backgrounds without their clips, joined rules."""
    drawn = LETTERS.sub(lambda shown: UNMOVED.sub(lambda end: b"" if end[0][-1:] == b"<" else b">", shown[0]), drawn)
    drawn = POINT.sub(lambda point: LONG.sub(rb"\1", point[0]), drawn)
    drawn = CLIPPED.sub(rb"/Artifact\nBMC\nq\n\2\n\1\nf\nQ\nEMC", drawn)
    return RULES.sub(lambda rules: _ruled(RULE.findall(rules[0])), drawn)


def _ruled(rules: list[tuple[bytes, ...]]) -> bytes:
    """Rules of a table as one artifact; where one goes on as the next, they are one."""
    drawn: list[bytes] = []
    look, end = b"", (b"", b"")
    for own, left, top, right, bottom in rules:
        if own != look:
            drawn += [b"S\n" * bool(look), own]
        if own == look and (left, top) == end and top == bottom:
            drawn[-1] = b"%s %s l\n" % (right, bottom)
        else:
            drawn += [b"%s %s m\n" % (left, top), b"%s %s l\n" % (right, bottom)]
        look, end = own, (right, bottom)
    return b"/Artifact\nBMC\nq\n%sS\nQ\nEMC\n" % b"".join(drawn)


def _use_palette(one: Any) -> None:
    """Store a picture of few colours as their numbers; small ones, like emoji, are not worth it."""
    if one.extra["Width"] < LARGE:
        return
    picture = _picture(one)
    counts = picture.getcolors(256)
    if counts is None:
        return
    paletted = picture.quantize(len(counts), dither=Image.Dither.NONE)
    if ImageChops.difference(paletted.convert("RGB"), picture).getbbox():
        return
    numbers = np.asarray(paletted)
    bits = 4 if len(counts) <= 16 else 8
    if bits == 4:
        even = np.pad(numbers, ((0, 0), (0, numbers.shape[1] % 2)))
        numbers = even[:, ::2] << 4 | even[:, 1::2]
    palette = bytes(paletted.getpalette() or ())[: 3 * len(counts)].hex()
    one.stream = [zlib.compress(numbers.tobytes(), 9)]
    one.extra["ColorSpace"] = f"[/Indexed /DeviceRGB {len(counts) - 1} <{palette}>]"
    one.extra["BitsPerComponent"] = bits
    del one.extra["DecodeParms"]


def _picture(one: Any) -> Image.Image:
    """The picture of an object whose stream is the data of a PNG."""
    size = struct.pack(">II", one.extra["Width"], one.extra["Height"])
    data = written(one)
    parts = (b"IHDR", size + b"\x08\x02\0\0\0"), (b"IDAT", data), (b"IEND", b"")
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    return Image.open(io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunks)))
