"""The live page while its server, the way to it, or the store is away. Arguments: the process that has the store, and
the server's command."""

import os
import re
import signal
import subprocess
import sys

import looks
from playwright.sync_api import expect

STORE, *COMMAND = sys.argv[1:]
STORE = int(STORE)
TOKENS = ["0123456789abcdef", "fedcba9876543210"]
# A page is silent for 20 seconds, a store for 15, before that is said.
LATE = 60_000
LOST = re.compile(r"^No connection to `bg ui` since \d\d:\d\d:\d\d UTC: what is shown is from then\.")
SHUT = re.compile(r"^`bg ui` does not let this page in since .*Open the address that it prints\.$")
GONE = re.compile(r"^The state store knows nothing of what this page shows any more since \d\d:\d\d:\d\d UTC: ")
UNREAD = re.compile(r"^The state can't be read since \d\d:\d\d:\d\d UTC: .+ What is shown is from then\.")


class Server:
    """`bg ui`, on a port that it keeps."""

    def __init__(self):
        self.port = "0"
        self.child = None

    def start(self, token, *more):
        command = [*COMMAND, *more, "--port", self.port, "--token", token]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        welcome = self.child.stdout.readline().strip()
        self.port = re.search(r":(\d+)/", welcome)[1]
        return welcome

    def end(self):
        self.child.kill()
        self.child.wait()


def is_out_of_date(page, says):
    alert = page.get_by_role("alert")
    expect(alert).to_have_text(says, timeout=LATE)
    expect(page.get_by_role("main").get_by_role("button", disabled=False)).to_have_count(0)
    looks.is_legible(page)
    looks.fits_a_phone(page)


def is_up_to_date(page):
    expect(page.get_by_role("alert")).to_be_empty(timeout=LATE)
    for name in ("Pause", "Abort"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_enabled(timeout=LATE)


def test(browser):
    server = Server()
    try:
        follows(browser, server)
    finally:
        os.kill(STORE, signal.SIGCONT)
        server.end()


def follows(browser, server):
    page = browser.new_context(viewport=looks.SCREEN).new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(server.start(TOKENS[0]))
    page.locator("tbody a").nth(1).click()
    expect(page.get_by_text("Now: baking at 10%, step 1 of 2")).to_be_visible()
    is_up_to_date(page)
    expect(page.get_by_text(re.compile(r"What is shown is from \d\d:\d\d:\d\d"))).to_be_visible(timeout=LATE)

    # The server dies while it asks back: there is nobody to say yes to.
    page.get_by_role("button", name="Abort", exact=True).click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    server.end()
    expect(page.get_by_role("alertdialog")).to_be_hidden(timeout=LATE)
    is_out_of_date(page, LOST)
    # It is there again, with other secrets for its forms.
    server.start(TOKENS[0])
    is_up_to_date(page)
    pause = page.get_by_role("button", name="Pause", exact=True)
    pause.focus()
    page.keyboard.press("Enter")
    expect(page.locator("dt", has_text="paused")).to_be_visible(timeout=LATE)

    # It is another one's: its address is opened, elsewhere, too.
    pause.focus()
    server.end()
    welcome = server.start(TOKENS[1])
    is_out_of_date(page, SHUT)
    other = page.context.new_page()
    other.goto(welcome)
    is_up_to_date(page)
    expect(pause).to_be_focused()

    # The way to the server is open, and nothing comes along it.
    server.child.send_signal(signal.SIGSTOP)
    is_out_of_date(page, LOST)
    server.child.send_signal(signal.SIGCONT)
    is_up_to_date(page)

    # The server is there, and the store is not.
    os.kill(STORE, signal.SIGSTOP)
    is_out_of_date(page, UNREAD)
    is_out_of_date(other, UNREAD)
    answer = other.goto(page.url)
    assert answer.status == 502, answer.status
    expect(other.get_by_role("heading", level=1)).to_have_text("The state can't be read")
    looks.is_legible(other)
    looks.fits_a_phone(other)
    os.kill(STORE, signal.SIGCONT)
    # By then its process may have found that it can't keep its lock, and have put everything back.
    for it in (page, other):
        expect(it.get_by_role("alert")).to_be_empty(timeout=LATE)
        expect(it.get_by_role("heading", level=1)).to_contain_text(re.compile("Paused|Reverted"), timeout=LATE)

    # It is there with another state, which is no closed door.
    with open("bg.yaml", encoding="utf-8") as config, open("other.yaml", "w", encoding="utf-8") as changed:
        changed.write(re.sub(r"(?m)^state:.*$", "state: file:other", config.read()))
    server.end()
    server.start(TOKENS[1], "--config", "other.yaml")
    is_out_of_date(page, GONE)
    server.end()
    server.start(TOKENS[1])
    expect(page.get_by_role("alert")).to_be_empty(timeout=LATE)
    assert not errors, errors


looks.run(test)
