"""The report of a deployment, opened from a file. Arguments: the file, its outcome, what it says."""

import sys

import looks

FILE, OUTCOME, *SAYS = sys.argv[1:]


def test(browser):
    page = browser.new_page(viewport=looks.SCREEN)
    home = f"file://{FILE}"
    watched = looks.Watched(page, home)
    page.goto(home)
    assert page.title().startswith(OUTCOME), page.title()
    main = page.get_by_role("main")
    for words in SAYS:
        assert words in main.inner_text(), f"{words!r} is not in\n{main.inner_text()}"
    figure = page.get_by_role("img")
    assert "Green's share over time" in figure.get_attribute("aria-label")
    assert figure.locator("svg:visible").count() == 1
    captions = [text.strip() for text in figure.locator("svg:visible text").all_text_contents()]
    for panel in ("requests a minute", "failed requests in %", "healthy targets"):
        assert panel in captions, captions
    looks.has_order(page)
    looks.is_legible(page)
    looks.fits_a_phone(page)
    page.set_viewport_size(looks.PHONE)
    assert figure.locator("svg:visible").count() == 1
    page.set_viewport_size(looks.SCREEN)
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open] tbody tr").count() > 3
    assert len(page.pdf(format="A4")) > 20_000
    looks.has_a_key(page)
    watched.is_quiet()


looks.run(test)
