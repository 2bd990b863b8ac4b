"""heatmap: scores -> coloured stretches of the document."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from reportgen.core.config import ColourScale
from reportgen.core.nouns.records import Tokens
from reportgen.report import even_share, heatmap
from reportgen.report import scale as scale_of
from reportgen.report.parts import Cell, Line, Run
from tests import reports

SCALES: tuple[ColourScale, ...] = ("contrast", "linear", "rank", "log")
HEATS = st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=40)


def cell(text: str, *positions: int, special: bool = False) -> Cell:
    """A cell whose place in the text does not matter."""
    return Cell(positions, text, special, 0, len(text))


def coloured(values: list[float], *, scale: ColourScale = "linear") -> tuple[list[int], list[float]]:
    """Classes and values of one-token cells."""
    covered = tuple(cell("x", n) for n in range(len(values)))
    made = heatmap.view("all", "", "", np.array(values, np.float32), covered, scale=scale)
    return list(made.classes), list(made.values)


def test_a_sentence_by_hand() -> None:
    """Specials stand apart, spaces belong to nobody, the highest token gets the last class."""
    text = "No war ."
    covered = heatmap.cells(text, reports.tokens(text))
    assert [(c.positions, c.text, c.special) for c in covered] == [
        ((0,), "<s>", True), ((1,), "No", False), ((2,), "war", False), ((3,), ".", False), ((4,), "</s>", True)
    ]  # fmt: skip
    made = heatmap.view("all", "", "", np.array([9, 1, 3, 2, 9], np.float32), covered, scale="linear")
    assert made.classes == (-1, 0, 15, 7, -1)
    assert made.values[1:4] == (0, 100, 50)
    runs = heatmap.spans(text, covered, made)
    assert [(run.text, run.kind, run.heat, run.first) for run in runs] == [
        ("<s>", "special", -1, 0), ("No", "token", 0, 1), (" ", "gap", -1, -1), ("war", "token", 15, 2),
        (" ", "gap", -1, -1), (".", "token", 7, 3), ("</s>", "special", -1, 4),
    ]  # fmt: skip


@given(reports.tokenised())
def test_what_is_shown_is_the_text_as_far_as_it_was_read(case: tuple[str, Tokens]) -> None:
    text, tokens = case
    covered = heatmap.cells(text, tokens)
    made = heatmap.view("all", "", "", np.arange(len(tokens), dtype=np.float32), covered, scale="linear")
    runs = heatmap.spans(text, covered, made)
    assert "".join(run.text for run in runs if run.kind != "special") == text[: tokens.end]


@given(reports.tokenised())
def test_every_token_is_in_exactly_one_cell_in_order(case: tuple[str, Tokens]) -> None:
    covered = heatmap.cells(*case)
    assert [p for c in covered for p in c.positions] == list(range(len(case[1])))


@given(reports.tokenised(), st.integers(0, 2**16))
def test_a_cell_counts_the_sum_of_its_pieces(case: tuple[str, Tokens], seed: int) -> None:
    text, tokens = case
    covered = heatmap.cells(text, tokens)
    values = np.random.default_rng(seed).integers(0, 100, len(tokens)).astype(np.float32)
    made = heatmap.view("all", "", "", values, covered, scale="linear")
    sums = [sum(float(values[p]) for p in c.positions) for c in covered]
    kept = [n for n, c in enumerate(covered) if not c.special and c.text.strip()]
    low, high = min((sums[n] for n in kept), default=0), max((sums[n] for n in kept), default=0)
    for n in kept:
        assert made.values[n] == pytest.approx((sums[n] - low) / (high - low) * 100 if high > low else 0, abs=1e-3)


@given(reports.tokenised())
def test_no_cell_begins_inside_a_character(case: tuple[str, Tokens]) -> None:
    text, tokens = case
    inside = {n for m in regex.finditer(r"\X", text[: tokens.end]) for n in range(m.start() + 1, m.end())}
    real = [c for c in heatmap.cells(text, tokens) if not c.special and c.text]
    assert not inside & {c.start for c in real[1:]}  # the first may: nothing stands before it


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("a 👍 b", [(0, 1), (2, 3), (2, 3), (2, 3), (4, 5)]),  # bytes of one emoji, each with the whole span
        ("a 👩‍👩‍👧 b", [(0, 1), (2, 3), (3, 4), (4, 5), (5, 7), (8, 9)]),  # people and joiners
        ("a e\u0301 b", [(0, 1), (2, 3), (3, 4), (5, 6)]),  # a letter and its accent
        ("a e\u0301 b", [(0, 1), (2, 3), (3, 3), (3, 4), (5, 6)]),  # and a token of no characters between them
        ("a 🇩🇪 b", [(0, 1), (2, 3), (3, 4), (5, 6)]),  # a flag of two letters
    ],
)
def test_pieces_of_one_character_share_a_cell(text: str, spans: list[tuple[int, int]]) -> None:
    covered = heatmap.cells(text, reports.tokens(text, spans=spans))
    shown = [c for c in covered if not c.special]
    assert [c.text for c in shown] == ["a", text[2:-2], "b"]
    assert shown[1].positions == tuple(range(2, len(spans)))


def test_special_tokens_and_space_are_left_out_of_the_scale() -> None:
    """However much attention they draw."""
    covered = (cell("<s>", 0, special=True), cell("a", 1), cell("\n", 2), cell("b", 3), cell("c", 4))
    made = heatmap.view("all", "", "", np.array([1000, 1, 500, 2, 3], np.float32), covered, scale="linear")
    assert made.classes == (-1, 0, -1, 7, 15)
    assert heatmap.spans("a\nbc", covered, made)[2].kind == "break"


def test_a_strip_shows_the_hottest_token_of_every_stretch() -> None:
    """Two tokens a stretch, at twice as many tokens as stretches; a piece of a character counts as all of it."""
    tokens = 2 * heatmap.STRETCHES
    shown = [Run("x", "token", n % 7, n) for n in range(4, tokens)]
    runs = (Run("<s>", "special", -1, 0), Run(" ", "gap", -1, -1), Run("\n", "break", -1, 1), Run("é", "token", 9, 2))
    made = heatmap.strip((*runs, *shown), tokens=tokens)
    assert len(made) == heatmap.STRETCHES
    assert made[:4] == (-1, 9, 5, 6)


def test_a_short_document_has_a_stretch_for_every_token() -> None:
    assert heatmap.strip((Run("<s>", "special", -1, 0), Run("a", "token", 3, 1)), tokens=2) == (-1, 3)


def test_the_hottest_tokens_come_highest_first() -> None:
    """A special token is not among them, whatever it draws."""
    covered = (cell("<s>", 0, special=True), cell("a", 1), cell("b", 2), cell("c", 3))
    made = heatmap.view("all", "", "", np.array([9, 1, 3, 2], np.float32), covered, scale="linear")
    runs = heatmap.spans("abc", covered, made)
    assert [run.text for run in heatmap.hottest(made, runs, count=2)] == ["b", "c"]


def test_the_scales_by_hand() -> None:
    values = [0, 1, 10, 100]
    assert coloured(values, scale="contrast")[0] == [0, 0, 1, 15]  # white up to the median, 5.5; then to 97.3
    assert coloured(values)[0] == [0, 0, 1, 15]  # 15 classes up to the 99th percentile, 97.3
    assert coloured(values, scale="rank")[0] == [0, 5, 10, 15]  # thirds
    assert coloured(values, scale="log")[0] == [0, 0, 8, 15]  # 1 to 100: the middle is 10


@pytest.mark.parametrize("scale", SCALES)
@given(values=HEATS)
def test_classes_follow_the_values_and_the_legend(scale: ColourScale, values: list[float]) -> None:
    heat = heatmap.percent(np.array(values, np.float64), np.ones(len(values), dtype=bool))
    classes, bounds, _ = heatmap.classify(heat, np.ones(len(values), dtype=bool), scale=scale)
    assert set(classes.tolist()) <= set(range(16))
    assert len(bounds) == 17
    assert (np.diff(bounds) >= 0).all()
    order = np.argsort(heat)
    assert (np.diff(classes[order]) >= 0).all(), "a higher value never gets a paler class"
    for value, step in zip(heat.tolist(), classes.tolist(), strict=True):
        white = scale == "contrast" and step == 0 and value <= bounds[1]
        assert white or step == 15 or value < bounds[step + 1] or bounds[step] == bounds[step + 1]
        assert step == 0 or value >= bounds[step]
    if scale == "contrast":
        assert (classes[heat <= np.median(heat)] == 0).all(), "white up to the median"
        hundredth = np.quantile(heat, 0.99)
        if hundredth >= heat.mean() / 10:
            assert (classes[(heat >= hundredth) & (heat > np.median(heat))] == 15).all()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("noise", [0.0, 1e-7])
def test_equal_attention_is_neutral_and_flagged(scale: ColourScale, noise: float) -> None:
    """Sums of equal weights differ in the last bit; colouring that would show noise."""
    values = np.array([3, 3 * (1 + noise), 3, 3 * (1 - noise)], np.float32)
    covered = tuple(cell("x", n) for n in range(4))
    made = heatmap.view("all", "", "", values, covered, scale=scale)
    assert made.uniform
    assert set(made.classes) == {0}
    assert not heatmap.view("all", "", "", values + np.arange(4, dtype=np.float32), covered, scale=scale).uniform


def test_one_token_does_not_pale_the_document() -> None:
    """The last class of the linear scale is for the strongest hundredth."""
    classes, _ = coloured([*range(199), 100_000])
    assert classes[199] == 15
    assert len(set(classes)) == 16


@pytest.mark.parametrize("scale", ["contrast", "linear"])
def test_what_has_next_to_nothing_does_not_look_like_what_has_all(scale: ColourScale) -> None:
    """A head of the demo's model: one token has 1,837 times the even share of it, the next 0.1 times, the rest less."""
    values = np.full(1837, 1e-5)
    values[:30] = np.linspace(0.003, 0.1, 30)
    values[1794] = 1837.0
    heat = values if scale == "contrast" else values / 18.37
    classes, bounds, _ = heatmap.classify(heat, np.ones(1837, dtype=bool), scale=scale)
    assert classes[1794] == 15
    assert np.delete(classes, 1794).max() == (1 if scale == "contrast" else 0)  # by contrast, above the median
    assert bounds[15] == heat.max()


def test_where_nearly_all_tokens_are_equal_they_are_pale() -> None:
    """The 99th percentile is 0 then."""
    for scale in ("linear", "log"):
        classes, _ = coloured([0.0] * 300 + [5.0], scale=scale)  # type: ignore[arg-type]
        assert classes == [0] * 300 + [15]


def test_the_log_scale_starts_at_the_smallest_value_above_zero() -> None:
    """2.9e-8 is what an fp16 softmax leaves; a zero has no logarithm."""
    heat: npt.NDArray[np.float64] = np.array([0, 0, 2.9e-8, 1e-3, 100])
    classes, bounds, floor = heatmap.classify(heat, np.ones(5, dtype=bool), scale="log")
    assert floor == 2.9e-8
    assert bounds[0] == pytest.approx(2.9e-8)
    assert classes.tolist() == [0, 0, 0, 7, 15]


def test_only_the_log_scale_has_a_floor() -> None:
    values, everything = np.array([0, 50.0, 100]), np.ones(3, dtype=bool)
    assert [heatmap.classify(values, everything, scale=s)[2] for s in SCALES] == [None, None, None, 50.0]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("text", ["", " ", "one", "one two"])
def test_short_texts_divide_by_nothing(text: str, scale: ColourScale) -> None:
    given = replace(reports.report(text, top_k=1), colour_scale=scale)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores, _ = reports.ranked(given)
        covered = heatmap.cells(text, given.tokens)
        for made in heatmap.views(given, scores, covered):
            assert np.isfinite(made.values).all()
            assert np.isfinite(made.bounds).all()


@pytest.mark.parametrize("first", [(), (1,)])  # between tokens, or a token of its own
def test_a_crlf_that_a_tokenizer_cuts_in_two_is_one_line_break(first: tuple[int, ...]) -> None:
    """RoBERTa's byte-level BPE has a token for each half."""
    covered = (
        Cell((0,), "a", False, 0, 1),
        *((Cell(first, "\r", False, 1, 2),) if first else ()),
        Cell((2,), "\n", False, 2, 3),
        Cell((3,), "b", False, 3, 4),
    )
    made = heatmap.view("all", "", "", np.ones(4, np.float32), covered, scale="linear")
    runs = heatmap.spans("a\r\nb", covered, made)
    assert [run.text for run in runs if run.text] == ["a", "\r\n", "b"]
    assert [run.first for run in runs if run.first >= 0] == [c.positions[0] for c in covered]
    assert [line.runs[-1].text for line in heatmap.lines(runs)] == ["\r\n", "b"]


@given(reports.tokenised())
def test_lines_hold_the_whole_text_and_end_where_it_breaks(case: tuple[str, Tokens]) -> None:
    runs = [line.runs for line in lines(*case)]
    shown = ["".join(run.text for run in line if run.kind != "special") for line in runs]
    assert "".join(shown) == case[0][: case[1].end]
    assert all("\n" not in line[:-1] for line in shown)


def lines(text: str, tokens: Tokens, values: list[float] | None = None) -> tuple[Line, ...]:
    """The lines of a text whose tokens have these values, or their positions."""
    covered = heatmap.cells(text, tokens)
    chosen = np.arange(len(tokens)) if values is None else values
    made = heatmap.view("all", "", "", np.array(chosen, np.float32), covered, scale="linear")
    return heatmap.lines(heatmap.spans(text, covered, made))


def test_a_line_begins_where_its_first_letter_is_written_from() -> None:
    text = "1: see \u05d0\u05d1\n- \u05d3 end\n..."
    assert [line.direction for line in lines(text, reports.tokens(text, edges=False))] == ["ltr", "rtl", "ltr"]


def test_a_special_token_does_not_turn_the_line() -> None:
    """A Hebrew document begins with <s>, whose letter is Latin: the line begins on the right all the same."""
    text = "\u05d0\u05d1 \u05d2"
    (line,) = lines(text, reports.tokens(text))
    assert line.direction == "rtl"


def test_a_line_in_print_by_hand() -> None:
    """Text in one piece, with what is behind it: a special token, the strongest word, a label inside a word."""
    text = "No w\u200bar"
    (line,) = lines(text, reports.tokens(text, spans=[(0, 2), (3, 7)]), [9, 3, 1, 9])
    made = heatmap.printed(line)
    assert made.cells == (
        "\u2066\u202f<s>\u202f\u2069No w\u2066\u202fU+200B\u202f\u2069ar\u2066\u202f</s>\u202f\u2069",
    )
    assert made.behind == "7s 2:15 1 1:0 10l:0 2:0 8s"


def test_every_special_token_has_a_frame_of_its_own_and_so_has_every_echo() -> None:
    runs = (
        *(Run("</s>", "special", -1, n) for n in (0, 1)),
        *(Run(text, "echo", heat, 2) for text, heat in (("ab", -1), ("c\0", -1), ("d", 4))),
        *(Run(text, "token", 4, 2) for text in "ef"),
    )
    assert heatmap.printed(Line("ltr", runs)).behind == "8s 8s 2e 6e 1e:4 2:4"


def test_a_printed_line_is_cut_after_tabs() -> None:
    """Directions begin anew there, and tab stops are counted from there."""
    text = "a\tb\t\tc"
    (line,) = lines(text, reports.tokens(text, edges=False))
    assert heatmap.printed(line).cells == ("a\t", "b\t", "\t", "c")


@given(reports.tokenised())
def test_what_is_behind_a_printed_line_covers_its_text(case: tuple[str, Tokens]) -> None:
    for line in lines(*case):
        made = heatmap.printed(line)
        text = "".join(made.cells)
        assert sum(map(int, regex.findall(r"(?:^| )(\d+)", made.behind))) == len(text)
        for run in line.runs:
            if run.kind != "special" and run.text.isascii() and run.text.isprintable():
                assert run.text in text


def test_a_report_shows_the_row_that_is_read_then_all_layers_then_the_last_layer() -> None:
    given = reports.report()
    scores, _ = reports.ranked(given)
    covered = heatmap.cells(given.example.text, given.tokens)
    made = heatmap.views(given, scores, covered)
    assert [view.key for view in made] == ["reader", "all", "last"]
    assert [view.title for view in made[:2]] == ["What the classifier reads", "All attention"]
    assert "weighted by head importance" in made[0].explanation
    content = [n for n, c in enumerate(covered) if not c.special]
    for view, values in zip(made, (scores.reader, scores.total, scores.last_layer), strict=True):
        assert values is not None
        chosen = np.array([values[covered[n].positions[0]] for n in content])
        expected = (chosen - chosen.min()) / np.ptp(chosen) * 100
        assert [view.values[n] for n in content] == pytest.approx(expected.tolist(), abs=1e-3)


def test_a_model_that_pools_has_no_view_of_a_row() -> None:
    given = reports.report(reader=None)
    scores, _ = reports.ranked(given)
    made = heatmap.views(given, scores, heatmap.cells(given.example.text, given.tokens))
    assert [view.key for view in made] == ["all", "last"]


def test_a_view_and_cells_that_do_not_belong_together_are_an_error() -> None:
    covered = (cell("a", 0), cell("b", 1))
    made = heatmap.view("all", "", "", np.array([1, 2], np.float32), covered, scale="linear")
    with pytest.raises(ValueError, match="zip"):
        heatmap.spans("ab", covered[:1], made)


def test_contrast_is_in_multiples_of_the_even_share() -> None:
    """1, 2, 3 and 10 have the mean 4; *base* is what min-max has taken from each token."""
    covered = tuple(cell("x", n) for n in range(4))
    made = heatmap.view("all", "", "", np.array([1, 2, 3, 10], np.float32), covered, scale="contrast")
    assert made.values == (0.25, 0.5, 0.75, 2.5)
    assert heatmap.labels(made) == {-1: "0.2×", 1: "0.6×", 8: "1.5×", 15: "2.4×", 16: "2.5×"}
    assert (made.most, made.even) == (2.5, False)
    taken = heatmap.view("all", "", "", np.array([0, 1, 2, 9], np.float32), covered, scale="contrast", base=1.0)
    assert taken.values == made.values


@given(st.lists(st.floats(0.1, 100), min_size=3, max_size=30))
def test_min_max_takes_nothing_from_the_multiples(received: list[float]) -> None:
    """The multiples of what is shown are those of the attention itself, whatever the scale of scores begins with."""
    one = np.array(received, np.float32)[None, None]
    base, scores = scale_of.above_none(one), scale_of.normalise(one)[0, 0]
    everything = np.ones(len(received), bool)
    times = even_share.of_even(scores.astype(np.float64) + base, everything)
    if not even_share.equal_but_for_rounding(scores):
        np.testing.assert_allclose(times, one[0, 0] / one.mean(dtype=np.float64), rtol=1e-3)


def test_where_no_token_draws_much_more_than_another_attention_is_almost_even() -> None:
    covered = tuple(cell("x", n) for n in range(3))
    flat = heatmap.view("all", "", "", np.array([0.9, 1, 1.1], np.float32), covered, scale="contrast")
    assert flat.even
    assert "1.1× the even share: attention is almost even here" in even_share.almost_even(flat.most)
    steep = heatmap.view("all", "", "", np.array([0, 0, 3], np.float32), covered, scale="contrast")
    assert not steep.even
