"""What every page has to be, whatever it shows: quiet, its own, legible, at home on a phone."""

import os
import re
import shutil
import zlib
from collections import Counter

from playwright.sync_api import Browser, Page, expect, sync_playwright

PHONE = {"width": 390, "height": 844}
SMALL_PHONE = {"width": 360, "height": 740}
SCREEN = {"width": 1280, "height": 900}
# How long a machine that does much else may take to show what is there.
expect.set_options(timeout=20_000)

# Text whose contrast with what lies behind it is under the 4.5 : 1 of WCAG 2.2, level AA.
FAINT = """
() => {
  const parts = (color) => (color.match(/[\\d.]+/g) || []).map(Number);
  const channel = (value) => {
    const c = value / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parts(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim();
    const element = node.parentElement;
    if (!text || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const color = element.closest("svg") ? style.fill : style.color;
    const [light, dark] = [luminance(parts(color)), luminance(behind(element))].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${color} ${text.slice(0, 40)}`);
  }
  return faint;
}
"""


# What is seen only after it was moved sideways, or not at all: whatever scrolls or cuts off in that
# direction and has more text than room. What is there for the ears alone is cut off on purpose.
SIDEWAYS = """
() => [...document.querySelectorAll("body *")].filter((it) => {
  const style = getComputedStyle(it);
  return it.checkVisibility() && style.overflowX !== "visible" && style.clipPath === "none"
    && it.scrollWidth > it.clientWidth + 1 && it.innerText?.trim();
}).map((it) => `${it.tagName} ${it.className}: ${it.scrollWidth} in ${it.clientWidth}: ${it.innerText.slice(0, 80)}`)
"""
# Texts that end beyond the right edge, whatever holds them.
BEYOND = """
() => {
  const beyond = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const right = range.getBoundingClientRect().right;
    if (right > document.documentElement.clientWidth + 1 && !element.closest("thead"))
      beyond.push(`${Math.round(right)} ${node.textContent.trim().slice(0, 80)}`);
  }
  return beyond;
}
"""


def chromium(playwright) -> Browser:
    """The Chromium of this machine, without a window."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        raise SystemExit("there is no Chromium: install Debian's package chromium, or set CHROMIUM")
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])


class Watched:
    """A page whose console, errors and requests are listened to."""

    def __init__(self, page: Page, home: str):
        self.page = page
        self.home = home
        self.troubles: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("request", self._request)

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.troubles.append(f"console: {message.text}")

    def _request(self, request):
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.troubles.append(f"request: {request.url}")

    def is_quiet(self):
        assert not self.troubles, self.troubles


def is_legible(page: Page):
    """In both colour schemes, nothing is fainter than WCAG's AA allows."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        faint = page.evaluate(FAINT)
        assert not faint, f"{scheme}: {faint}"
    page.emulate_media(color_scheme="light")


def fits_a_phone(page: Page):
    """Nothing has to be moved sideways: not the page, nor anything within it, opened or not."""
    closed = page.locator("details:not([open])").element_handles()
    for details in closed:
        details.evaluate("it => { it.open = true; }")
    for phone in (PHONE, SMALL_PHONE):
        page.set_viewport_size(phone)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= phone["width"], f"it is {wide} wide"
        for hidden in (SIDEWAYS, BEYOND):
            found = page.evaluate(hidden)
            assert not found, f"{phone}: {found}"
    page.set_viewport_size(SCREEN)
    for details in closed:
        details.evaluate("it => { it.open = false; }")


def inks(pdf: bytes) -> Counter:
    """How often something is filled with a colour, in a PDF of Chromium's."""
    found = Counter()
    for packed in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            drawn = zlib.decompress(packed)
        except zlib.error:
            continue
        found.update(re.findall(rb"(?<![\d.])([\d.]+ [\d.]+ [\d.]+) rg\b", drawn))
    return found


def has_a_key(page: Page):
    """Which line is whose is said on paper without backgrounds, and where colours are forced."""
    keys = page.locator("figcaption .key i")
    assert keys.count() == 6, keys.count()
    paper = page.pdf(format="A4", print_background=False)
    color = "it => getComputedStyle(it).color.match(/[\\d.]+/g).slice(0, 3).map(Number)"
    page.emulate_media(media="print")
    colors = [key.evaluate(color) for key in keys.all()]
    page.emulate_media(media=None)
    caption = page.locator("figcaption")
    caption.evaluate("it => { it.style.display = 'none'; }")
    without = inks(page.pdf(format="A4", print_background=False))
    caption.evaluate("it => { it.style.display = ''; }")
    more = inks(paper) - without
    filled = [[round(float(part) * 255) for part in ink.split()] for ink in more]
    for ink in colors:
        assert ink in filled, (ink, filled)
    page.emulate_media(forced_colors="active")
    borders = {key.evaluate("it => getComputedStyle(it).borderTopColor") for key in keys.all()}
    assert len(borders) == 6, borders
    page.emulate_media(forced_colors="none")


def text(start: str) -> re.Pattern[str]:
    """A text that begins so."""
    return re.compile("^" + re.escape(start))


def has_order(page: Page):
    """One first heading, a main part, and a name for whatever can be pressed."""
    assert page.locator("h1").count() == 1
    assert page.get_by_role("main").count() == 1
    for control in page.locator("a, button, summary").all():
        name = control.inner_text().strip()
        assert name, control.evaluate("it => it.outerHTML")


def run(test):
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        try:
            test(browser)
        finally:
            browser.close()
    print("as it should be")
