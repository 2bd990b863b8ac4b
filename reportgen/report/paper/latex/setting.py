r"""Give what the LaTeX files need before their text: how a box is coloured, and a page of the sheet is placed.

All of it is plain TeX within a group, for pdfTeX, XeTeX and LuaTeX: the manuscript around it is as it was, whatever its
class, its language and its packages. "@" is a letter nowhere, and no name is taken that a manuscript may have.
"""

from __future__ import annotations

import re

from reportgen.core.palette import HEAT_LIGHT, MUTED
from reportgen.report.paper.latex.glyphs import HEIGHT, PAD
from reportgen.report.paper.latex.inline import Pages

SHEET = "heatmap-glyphs.pdf"

# No shorthand of babel and no short verbatim of the manuscript takes part.
CATCODES = "".join(f"\\catcode{code} 12 " for code in (33, 34, *range(39, 48), *range(58, 65), 91, 93, 96, 124)) + "%\n"
# Since LaTeX of 2020 a file knows its folder, and what IfFileExists has found. The sheet's name stands alone in braces
# once, or arxiv_latex_cleaner takes the file for one that nothing uses.
SHEET_FOUND = rf"""\ifdefined\reportgenhtml\else
\ifdefined\reportgenpath\else
  \ifdefined\CurrentFilePath\ifx\CurrentFilePath\empty\else\edef\reportgenpath{{\CurrentFilePath/}}\fi\fi\fi
\ifdefined\reportgenpath\else\def\reportgenpath{{}}\fi
\def\reportgensheet{{{SHEET}}}\edef\reportgensheet{{\reportgenpath\reportgensheet}}%
\def\reportgenbare#1"#2"#3\relax{{\ifx\relax#2\relax\reportgenpath {SHEET}\else#2\fi}}%
\IfFileExists{{\reportgensheet}}{{\edef\reportgensheet{{\csname @filef@und\endcsname}}%
  \edef\reportgensheet{{\expandafter\reportgenbare\reportgensheet""\relax}}}}{{%
  \PackageError{{reportgen}}{{No file \reportgensheet: say where it is with
    \string\newcommand\string\reportgenpath{{folder/}}}}{{Some characters come from it.}}}}\fi
"""
# LaTeXML, which makes the HTML of arXiv, takes itself for pdfTeX. It has any character, in any direction, and a colour
# behind a piece of text, but no boxes that lie on one another. Lower case alone makes all characters of ASCII for it;
# the names are those that it has in T1 only.
HTML = r"""\ifcsname @@BEGININLINEMATH\endcsname\def\reportgenhtml{}\fi
\ifcsname lx@begin@inline@math\endcsname\def\reportgenhtml{}\fi
\ifdefined\reportgenhtml
  \def\reportgensigns#1,{\ifx,#1,\else{\lccode33=#1 \lowercase{!}}\expandafter\reportgensigns\fi}%
  \def\quotesinglbase{\reportgensigns8218,,}\def\quotedblbase{\reportgensigns8222,,}%
  \def\guillemotleft{\reportgensigns171,,}\def\guillemotright{\reportgensigns187,,}%
  \def\guilsinglleft{\reportgensigns8249,,}\def\guilsinglright{\reportgensigns8250,,}%
  \def\k#1{#1\reportgensigns808,,}%
\fi
"""
# subtle: TeX--XeT turns what is in a box as well, if the box does not say otherwise.
RIGHT_TO_LEFT = r"""\ifdefined\reportgenhtml\def\beginR{}\def\beginL{}\def\endR{}\def\endL{}\def\reportgenhbox#1{#1}%
\else\ifdefined\directlua
  \def\beginR{\begingroup\textdir TRT}\def\beginL{\begingroup\textdir TLT}%
  \def\endR{\endgroup}\def\endL{\endgroup}\def\reportgenhbox{\hbox dir TLT}%
\else\TeXXeTstate1 \def\reportgenhbox#1{\hbox{\beginL#1\endL}}\fi\fi
"""
# Computer Modern has straight quotes and accented letters in no scalable font; Latin Modern looks the same. It also
# stands in where the manuscript's font has no letters in Unicode: T1 fonts in XeTeX.
SET = r"""\def\reportgencmr{lmr}\def\reportgencmss{lmss}\def\reportgencmtt{lmtt}%
\def\reportgenfamily#1{\ifcsname reportgen#1\endcsname\csname reportgen#1\endcsname\else#1\fi}%
\def\reportgenunicode#1#2{\ifcsname TU+#1\endcsname#1\else#2\fi}%
\protected\def\reportgenset{%
  \ifdefined\Umathcode
    \edef\ttdefault{\reportgenunicode\ttdefault{lmtt}}\fontencoding{TU}%
    \fontfamily{\reportgenunicode{\csname f@family\endcsname}{lmr}}%
  \else
    \fontencoding{T1}\IfFileExists{t1lmr.fd}{\fontfamily{\reportgenfamily{\csname f@family\endcsname}}%
      \edef\ttdefault{\reportgenfamily{\ttdefault}}}{}\def\textellipsis{...}%
  \fi
  \fontshape{n}\selectfont
  \ifdefined\XeTeXinterchartokenstate\XeTeXinterchartokenstate0 \fi
  \ifdefined\directlua\ifdefined\NoAutoSpacing\NoAutoSpacing\fi\fi
  \frenchspacing\tracinglostchars3 \exhyphenpenalty0 \hbadness10000 \emergencystretch4em }%
\def\reportgenhbox#1{\hbox{#1}}%
\def\reportgenlabel#1{{\fboxsep.12em\fboxrule.3pt\fbox{\fontsize{.7em}{1em}\ttfamily\selectfont#1}}}%
\def\reportgenbreak{\penalty500 }%
\def\reportgenskip#1{\hskip#1\fontdimen2\font\relax}%
\def\reportgenindent#1{\leavevmode\hbox{}\kern#1\fontdimen2\font}%
"""
# Our own words are English, in a manuscript of any language; babel knows the encoding of Latin letters.
LATIN = r"""\protected\def\reportgenlatin{\ifdefined\latintext\latintext\fi
  \ifcsname l@english\endcsname\language\csname l@english\endcsname\fi}%
\ifdefined\textlatin\def\reportgenlist{\textlatin}\else\def\reportgenlist#1{#1}\fi
"""
# subtle: nobody uses box registers this high, and the group restores them at its end.
GLYPH = rf"""\def\reportgenglyph#1{{\copy\numexpr20000+#1\relax}}%
\def\reportgenload#1#2#3#4{{\setbox\numexpr20000+#1\relax\hbox to#2em{{\kern-{PAD}em\smash{{\lower#3em\hbox{{%
  \ifdefined\directlua\saveimageresource height{HEIGHT}em page#1{{\reportgensheet}}%
    \useimageresource\lastsavedimageresourceindex
  \else\ifdefined\pdftexversion\pdfximage height{HEIGHT}em page#1{{\reportgensheet}}%
    \pdfrefximage\pdflastximage
  \else\XeTeXpdffile "\reportgensheet" page #1 height{HEIGHT}em\relax\fi\fi}}}}\hss}}}}%
\ifdefined\reportgenhtml
  \def\reportgenload#1#2#3#4{{\expandafter\def\csname reportgenword#1\endcsname{{\reportgensigns#4,,}}}}%
  \def\reportgenglyph#1{{\csname reportgenword#1\endcsname}}%
\fi
"""
HEAT = r"""\def\reportgenup{.85em}\def\reportgendown{.3em}%
\def\reportgenrule#1#2{\rlap{\begingroup\color{reportgenheat#1}%
  \vrule width\dimexpr#2+.3pt\relax height\reportgenup depth\reportgendown\endgroup}}%
\def\reportgenplain#1{\leavevmode\reportgenhbox{\setbox0\hbox{\begingroup#1\endgroup}%
  \ht0\reportgenup\dp0\reportgendown\box0}}%
\def\reportgenparts#1#2{\leavevmode\reportgenhbox{\setbox0\hbox{\begingroup\color{black}#2\endgroup}%
  #1\ht0\reportgenup\dp0\reportgendown\box0}}%
\def\reportgenheat#1#2{\reportgenparts{\reportgenrule{#1}{\wd0}}{#2}}%
\def\reportgenpart#1#2#3{\rlap{\kern#2em\reportgenrule{#1}{#3em}}}%
\def\reportgenframe#1#2{\rlap{\kern#1em\fboxsep-.3pt\fboxrule.3pt\fbox{%
  \vrule width0pt height\reportgenup depth\reportgendown\kern#2em}}}%
\def\reportgenspecial#1{\reportgenplain{\kern.15em\color{reportgenmuted}\reportgenlabel{#1}\kern.15em}}%
\def\reportgenecho#1{\reportgenplain{\fboxsep.08em\fboxrule.3pt\fbox{#1}}}%
\def\reportgenblank{\par\vskip\baselineskip}%
\def\reportgenltr{\noindent}%
\def\reportgenrtl{\leftskip\rightskip\rightskip0pt\relax\parfillskip0pt\relax\noindent}%
\parindent0pt\parskip0pt\leftskip0pt\rightskip0pt plus 4em\relax\parfillskip0pt plus 1fil\relax
\spaceskip\fontdimen2\font\hyphenpenalty10000 \pretolerance-1 \tolerance9999
\baselineskip1.45em\lineskip0pt\lineskiplimit-\maxdimen
\ifdefined\reportgenhtml
  \def\reportgenheat#1#2{{\fboxsep0pt\colorbox{reportgenheat#1}{\color{black}#2}}}%
  \def\reportgenpart#1#2#3{\ifdefined\reportgenfirst\else\def\reportgenfirst{reportgenheat#1}\fi}%
  \def\reportgenframe#1#2{}%
  \def\reportgenparts#1#2{{\fboxsep0pt#1\ifdefined\reportgenfirst\colorbox{\reportgenfirst}{\color{black}#2}\else#2\fi}}%
\fi
"""
COLOURS = "".join(
    f"\\definecolor{{{name}}}{{HTML}}{{{colour[1:].upper()}}}%\n"
    for name, colour in (*((f"reportgenheat{n}", one) for n, one in enumerate(HEAT_LIGHT)), ("reportgenmuted", MUTED))
)


def needed(source: str, pages: Pages, sheet: str = SHEET) -> str:
    """What *source* needs before it, within its group; *sheet*: the file that has the pages."""
    used = set(map(int, re.findall(r"\\reportgenglyph{(\d+)}", source)))
    loads = [
        f"\\reportgenload{{{g.page}}}{{{g.width:g}}}{{{g.depth:g}}}{{{','.join(str(ord(c)) for c in run.text)}}}%\n"
        for run, g in pages.items()
        if g.page in used
    ]
    turned = RIGHT_TO_LEFT if r"\beginR" in source else ""
    found = SHEET_FOUND.replace(SHEET, sheet) * bool(used)
    return CATCODES + HTML + found + SET + turned + GLYPH * bool(used) + "".join(loads)
