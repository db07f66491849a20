"""The live page while a deployment runs. Arguments: its address, without and with the token."""

import sys

import looks
from playwright.sync_api import expect

HOME, WELCOME = sys.argv[1:]
# The server looks once a second, the deployment answers at its next look.
SOON = 20_000
# Waits until something else is shown.
GOES_ON = """() => new Promise((done, late) => {
  const changed = new MutationObserver(() => { changed.disconnect(); done(); });
  changed.observe(document.querySelector("main"), { childList: true, subtree: true });
  setTimeout(() => late("the page stands still"), 60_000);
})"""


def a_stranger_is_kept_out(browser):
    page = browser.new_page()
    for path in ("/", "/services/shop", "/metrics", "/events", "/live.js"):
        answer = page.goto(HOME + path)
        assert answer.status == 403, (path, answer.status)
    answer = page.request.post(f"{HOME}/services/shop/x/abort", form={"csrf": "x"})
    assert answer.status == 403, answer.status
    page.close()


def asks(page, button, says):
    """By keyboard: the button asks back, safe at first; No and Escape leave everything, and one is where one was."""
    button.focus()
    page.keyboard.press("Enter")
    question = page.get_by_role("alertdialog")
    expect(question).to_be_visible()
    expect(question).to_have_accessible_name(f"{button.inner_text()}?")
    expect(question).to_have_accessible_description(says)
    no = question.get_by_role("button", name="No, leave it as it is")
    expect(no).to_be_focused()
    looks.is_legible(page)
    looks.fits_a_phone(page)
    page.keyboard.press("Enter")
    expect(question).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(question).to_be_visible()
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(button).to_be_focused()


def is_sure(page, button):
    """In a hurry, so that the end of one question is told only when the next is there; then yes, by keyboard."""
    button.focus()
    button.evaluate("it => { it.click(); document.querySelector('dialog').close(); it.click(); }")
    page.keyboard.press("Tab")
    yes = page.get_by_role("alertdialog").get_by_role("button", name=f"Yes, {button.inner_text().lower()}")
    expect(yes).to_be_focused()
    page.keyboard.press("Enter")


def test(browser):
    a_stranger_is_kept_out(browser)
    page = browser.new_context(viewport=looks.SCREEN).new_page()
    watched = looks.Watched(page, HOME)
    page.goto(WELCOME)
    assert "token" not in page.url, page.url
    looks.has_order(page)
    looks.is_legible(page)
    looks.fits_a_phone(page)

    page.get_by_role("link", name="shop", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Deployments of shop")
    looks.has_order(page)
    page.locator("tbody a").first.click()

    # It follows by itself.
    expect(page.get_by_text("Now: baking at 10%, step 1 of 2")).to_be_visible(timeout=60_000)
    looks.has_order(page)
    looks.is_legible(page)
    looks.fits_a_phone(page)

    # By keyboard alone: to the button, and it is pressed.
    pause = page.get_by_role("button", name="Pause")
    pause.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("(bg ui)").first).to_be_visible(timeout=SOON)
    expect(page.locator("dt", has_text="paused")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Paused by ")
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    other = page.context.new_page()
    # Somebody who is quicker than the first news keeps the focus, too.
    news = []
    other.route("**/events", lambda route: news.append(route), times=1)
    other.goto(HOME)
    state = other.get_by_role("link", name="paused by")
    expect(state).to_be_visible()
    state.focus()
    as_of = other.get_by_text("What is shown is from")
    expect(as_of).to_have_count(0)
    news.pop().continue_()
    expect(as_of).to_be_visible()
    expect(state).to_be_focused()

    # What a reader opened stays open while the page goes on.
    page.get_by_text("All", exact=False).locator("xpath=self::summary").click()
    reverts = looks.text("Reverts: all traffic goes back to blue")
    abort = page.get_by_role("button", name="Abort", exact=True)
    asks(page, abort, reverts)
    promote = page.get_by_role("button", name="Promote", exact=True)
    asks(page, promote, looks.text("Ends the bake: 100% of traffic goes to green"))
    expect(page.locator("dt", has_text="paused")).to_be_visible()
    is_sure(page, promote)
    expect(page.get_by_text("going on").first).to_be_visible(timeout=SOON)
    expect(page.locator("dt", has_text="paused")).to_have_count(0, timeout=SOON)

    # A gate asks for a yes; who says no may say why.
    expect(page.get_by_role("heading", name="Gate release", exact=True)).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Waits for approval of gate release, until ")
    expect(page.get_by_role("status")).to_contain_text("waits for approval of gate release, until ")
    # The list says it, too, and keeps itself up to date.
    state = other.get_by_role("link", name="waits for approval of gate release")
    expect(state).to_be_visible(timeout=SOON)
    expect(state).to_be_focused()
    looks.is_legible(other)
    looks.fits_a_phone(other)
    looks.has_order(page)
    looks.is_legible(page)
    looks.fits_a_phone(page)
    reason = page.get_by_role("textbox", name="Reason")
    reason.focus()
    page.keyboard.type("not on a Friday")
    expect(page.get_by_role("button", name="Reject")).to_be_visible()
    # The page goes on meanwhile, and takes no word out of one's mouth.
    page.evaluate(GOES_ON)
    expect(reason).to_be_focused()
    expect(reason).to_have_value("not on a Friday")
    reject = page.get_by_role("button", name="Reject", exact=True)
    asks(page, reject, reverts)
    expect(reason).to_have_value("not on a Friday")
    # Somebody else says yes meanwhile: there is nothing left to say no to, nor to be asked of it.
    reject.click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    other.goto(page.url)
    other.get_by_role("button", name="Approve", exact=True).click()
    expect(page.get_by_role("alertdialog")).to_be_hidden(timeout=SOON)
    expect(page.get_by_text("release says yes").first).to_be_visible(timeout=SOON)
    expect(page.get_by_role("heading", name="Gate release", exact=True)).to_have_count(0, timeout=SOON)

    other.close()
    is_sure(page, abort)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Reverted", timeout=60_000)
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text("This deployment is over.")
    looks.is_legible(page)

    figures = page.request.get(f"{HOME}/metrics").text()
    assert 'bg_deployments{service="shop",outcome="reverted"} 1' in figures, figures
    watched.is_quiet()


looks.run(test)
