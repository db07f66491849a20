"""More tabs of the live page than a browser has connections to a server. Argument: its address, with the token."""

import sys

import looks
from playwright.sync_api import expect

WELCOME = sys.argv[1]
HOME = WELCOME.split("/?")[0]
# Chromium has six.
TABS = 9
# How long a form or a link may wait for one (without one, it waits until a page is closed), and how long a page that
# looks now and then is behind.
AT_ONCE = 10_000
SOON = 20_000
# Keeps whatever a page says of its being out of date.
LISTENS = """
window.said = [];
new MutationObserver(() => {
  const said = document.querySelector("#stale")?.textContent;
  if (said) window.said.push(said);
}).observe(document, { childList: true, subtree: true, characterData: true });
"""


def goes_through(page, method, press):
    """Whatever is pressed is sent at once, in whichever tab."""
    with page.expect_response(lambda it: it.request.method == method and it.request.is_navigation_request()) as answer:
        press()
    answer.value.finished()
    waited = answer.value.request.timing["requestStart"]
    assert 0 <= waited < AT_ONCE, f"{method} waited for {waited} ms"


def told(text):
    return "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"


def keeps_its_place_in_a_list(context):
    """What one is on stays that while rows come and go."""
    page = context.new_page()
    page.goto(f"{HOME}/services/shop")
    row = page.locator("tbody tr").evaluate("it => it.outerHTML")
    link = page.locator("tbody a")
    own = link.inner_text()
    main = page.locator("main").evaluate("it => it.innerHTML")
    above, below = (row.replace(own, it) for it in ("29990101-000000-zzzz", "20000101-000000-aaaa"))
    texts = [main.replace(row, above + "\n" + row + "\n" + below), main.replace(row, row.replace("shop:v2", "shop:v3"))]
    answers = iter(
        [*("event: main\n" + told(text) + "event: later\ndata: 500\n\n" for text in texts), "event: later\ndata: 600000\n\n"]
    )
    answer = lambda route: route.fulfill(content_type="text/event-stream", body=next(answers))
    page.route("**/events", answer)
    page.reload()
    link = page.get_by_role("link", name=own)
    link.focus()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('h1'))")
    expect(page.locator("tbody tr")).to_have_count(3)
    assert [it[:4] for it in page.locator("tbody a").all_inner_texts()] == ["2999", own[:4], "2000"]
    expect(link).to_be_focused()
    expect(page.get_by_text("shop:v3")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(link).to_be_focused()
    assert page.evaluate("getSelection().toString()") == "Deployments of shop"
    page.close()


def test(browser):
    context = browser.new_context(viewport=looks.SCREEN)
    context.add_init_script(LISTENS)
    first = context.new_page()
    first.goto(WELCOME)
    first.locator("tbody a").nth(1).click()
    expect(first.get_by_text("Now: baking at 10%, step 1 of 2")).to_be_visible(timeout=60_000)
    tabs = [first]
    for _ in range(TABS - 1):
        tab = context.new_page()
        tab.goto(first.url, timeout=SOON)
        tabs.append(tab)
    for tab in tabs:
        expect(tab.get_by_text("What is shown is from")).to_be_visible(timeout=SOON)

    last = tabs[-1]
    goes_through(last, "GET", last.get_by_role("link", name="services").click)
    goes_through(last, "GET", last.locator("tbody a").nth(1).click)
    goes_through(last, "POST", last.get_by_role("button", name="Pause").click)
    for tab in tabs:
        expect(tab.locator("dt", has_text="paused")).to_be_visible(timeout=SOON)
    keeps_its_place_in_a_list(context)

    first.bring_to_front()
    first.get_by_role("button", name="Abort", exact=True).click()
    goes_through(first, "POST", first.get_by_role("button", name="Yes, abort").click)
    for tab in tabs:
        expect(tab.get_by_role("heading", level=1)).to_contain_text("Reverted", timeout=60_000)
        assert tab.evaluate("said") == []


looks.run(test)
