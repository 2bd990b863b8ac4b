#!/bin/sh
# What the tests need in addition to Python packages: a browser, PDF readers, TeX, fonts; with the argument `slow` also
# Firefox, WebKitGTK, LibreOffice, npm, and the classes, languages and fonts of manuscripts (TeX, 1 GB). Installs them
# where it can (Debian or Ubuntu, as root); elsewhere it says what is missing and goes on.
set -eu

missing=""
# A headless shell draws a page with half the work of a whole browser; Ubuntu has none, and there either will do.
if command -v chromium-headless-shell >/dev/null 2>&1; then :
elif apt-cache show chromium-headless-shell >/dev/null 2>&1; then missing="$missing chromium-headless-shell"
elif ! command -v chromium >/dev/null 2>&1 && ! command -v google-chrome >/dev/null 2>&1; then missing="$missing chromium"
fi
command -v pdftotext >/dev/null 2>&1 || missing="$missing poppler-utils"
command -v mutool >/dev/null 2>&1 || missing="$missing mupdf-tools"
ldconfig -p 2>/dev/null | grep -q libpangoft2 || missing="$missing libpangoft2-1.0-0"
ldconfig -p 2>/dev/null | grep -q libharfbuzz-subset || missing="$missing libharfbuzz-subset0"
fc-list "DejaVu Serif" 2>/dev/null | grep -q . || missing="$missing fontconfig fonts-dejavu-core"
fc-list 2>/dev/null | grep -q NotoSansHebrew || missing="$missing fonts-noto-core"
fc-list 2>/dev/null | grep -q NotoSerifCJK || missing="$missing fonts-noto-cjk"
fc-list 2>/dev/null | grep -q NotoColorEmoji || missing="$missing fonts-noto-color-emoji"
command -v xelatex >/dev/null 2>&1 || missing="$missing texlive-xetex"  # brings pdflatex and bibtex
kpsewhich booktabs.sty >/dev/null 2>&1 || missing="$missing texlive-latex-recommended"
kpsewhich lmodern.sty >/dev/null 2>&1 || missing="$missing lmodern"
if [ "${1:-}" = slow ]; then
  # Firefox speaks WebDriver BiDi itself; WebKitGTK has a driver, and needs a screen. Ubuntu's own Firefox is no package.
  command -v firefox-esr >/dev/null 2>&1 || command -v firefox >/dev/null 2>&1 || missing="$missing firefox-esr"
  command -v WebKitWebDriver >/dev/null 2>&1 || missing="$missing webkit2gtk-driver"
  command -v Xvfb >/dev/null 2>&1 || missing="$missing xvfb"
  command -v w3m >/dev/null 2>&1 || missing="$missing w3m"
  command -v soffice >/dev/null 2>&1 || missing="$missing libreoffice-calc"  # about a minute
  command -v npm >/dev/null 2>&1 || missing="$missing npm"
  command -v biber >/dev/null 2>&1 || missing="$missing biber"
  command -v latexmlc >/dev/null 2>&1 || missing="$missing latexml"  # makes the HTML of arXiv
  while read -r file package; do
    kpsewhich "$file" >/dev/null 2>&1 || missing="$missing $package"
  done <<'FILES'
acmart.cls texlive-publishers
import.sty texlive-latex-extra
luaotfload.sty texlive-luatex
biblatex.sty texlive-bibtex-extra
libertine.sty texlive-fonts-extra
cmunrm.otf fonts-cmu
LinLibertine_R.otf fonts-linuxlibertine
ptmr8t.tfm texlive-fonts-recommended
greek.ldf texlive-lang-greek
french.ldf texlive-lang-french
ngermanb.ldf texlive-lang-german
spanish.ldf texlive-lang-spanish
russianb.ldf texlive-lang-cyrillic
FILES
fi
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
  echo "installing for the tests:$missing"
  # shellcheck disable=SC2086  # one word per package
  apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null ||
    echo "not installed; tests that need it say so:$missing"
else
  echo "missing for some tests:$missing (Debian and Ubuntu: sudo apt-get install$missing)"
fi
