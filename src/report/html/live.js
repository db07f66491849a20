// Keeps a page up to date: the server sends its main part again whenever something happened, and
// only what differs is put in place, so that focus, scrolling and opened details stay.
"use strict";
(() => {
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  main.tabIndex = -1;
  const known = new Map();
  const parts = (root) => [...root.querySelectorAll("[data-part]")];
  const remember = (part) => known.set(part.dataset.part, part.outerHTML);
  parts(main).forEach(remember);

  const keepOpen = (from, to) => {
    for (const old of from.querySelectorAll("details[open][id]")) {
      const fresh = to.querySelector(`#${CSS.escape(old.id)}`);
      if (fresh) fresh.open = true;
    }
  };

  // What has the focus keeps it where it is put in place anew, wherever it stands by then.
  const means = (it) => [it.tagName, it.type, it.name, it.form?.action ?? it.href ?? it.parentElement.id].join(" ");
  const focused = (part) => (part.contains(document.activeElement) ? means(document.activeElement) : null);
  const refocus = (part, active) => {
    const same = [...part.querySelectorAll("a, button, input, summary")].find((it) => means(it) === active);
    (same ?? main).focus();
  };

  // What moves traffic is asked once more, in words that say what will happen. The page goes on
  // beneath: where what was asked is gone, or means something else by now, so is the question.
  const dialog = document.querySelector("dialog");
  let asking = null;
  const meant = (form) => JSON.stringify([form.action, form.elements.gate?.value, form.dataset.asks]);
  const asked = () => [...main.querySelectorAll("form[data-asks]")].find((form) => meant(form) === asking);
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "dialog" && event.submitter?.value === "yes") asked()?.submit();
    if (!dialog || !form.dataset.asks) return;
    event.preventDefault();
    asking = meant(form);
    const label = form.querySelector("button").textContent;
    const yes = dialog.querySelector("[value=yes]");
    yes.textContent = `Yes, ${label.toLowerCase()}`;
    yes.className = form.querySelector("button").className;
    dialog.querySelector("h2").textContent = `${label}?`;
    dialog.querySelector("#asks").textContent = form.dataset.asks;
    dialog.showModal();
  });
  dialog?.addEventListener("close", () => {
    // It is told late, perhaps when the next question is there.
    if (!dialog.open) (asked()?.querySelector("button") ?? main).focus();
  });
  const outdated = () => dialog?.open && !asked();

  // A list has no parts: each element stays what it is and becomes what it should be, a row by its
  // key, so that focus and selection stay wherever what they are on does.
  const alike = (old, fresh) =>
    old && !old.dataset?.key && !fresh.dataset?.key && old.nodeName === fresh.nodeName;
  const turn = (old, fresh) => {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    become(old, fresh);
  };
  const without = (node) => {
    const next = node.nextSibling;
    node.remove();
    return next;
  };
  const keyed = (from) => new Map([...from.children].filter((it) => it.dataset.key).map((it) => [it.dataset.key, it]));
  const become = (old, fresh) => {
    const wanted = keyed(fresh);
    for (const [key, row] of keyed(old)) if (!wanted.has(key)) row.remove();
    const rows = keyed(old);
    let at = old.firstChild;
    for (const node of [...fresh.childNodes]) {
      // A blank that is there no more keeps no element from being found.
      while (node.nodeType === Node.ELEMENT_NODE && at?.nodeType === Node.TEXT_NODE) at = without(at);
      const same = rows.get(node.dataset?.key) ?? (alike(at, node) ? at : null);
      if (same) turn(same, node);
      if (same === at && same) at = at.nextSibling;
      else old.insertBefore(same ?? node, at);
    }
    while (at) at = without(at);
  };

  const show = (html) => {
    const wanted = document.createElement("template");
    wanted.innerHTML = html;
    const fresh = parts(wanted.content);
    if (fresh.length === 0) {
      const active = document.activeElement;
      const had = main.contains(active);
      become(main, wanted.content);
      if (had && document.activeElement !== active) (active.isConnected ? active : main).focus();
      return;
    }
    const names = new Set(fresh.map((part) => part.dataset.part));
    for (const old of parts(main)) {
      if (!names.has(old.dataset.part)) {
        known.delete(old.dataset.part);
        const active = focused(old);
        old.remove();
        if (active) main.focus();
      }
    }
    let before = null;
    for (const part of fresh) {
      const name = part.dataset.part;
      const old = main.querySelector(`[data-part="${CSS.escape(name)}"]`);
      const html = part.outerHTML;
      if (!old) {
        if (before) before.after(part); else main.prepend(part);
        known.set(name, html);
        before = part;
      } else if (known.get(name) === html) {
        before = old;
      } else if (part.getAttribute("role") === "status") {
        // A status is announced when its text changes, not when it is another element.
        old.textContent = part.textContent;
        known.set(name, html);
        before = old;
      } else {
        keepOpen(old, part);
        const active = focused(old);
        old.replaceWith(part);
        known.set(name, html);
        if (active) refocus(part, active);
        before = part;
      }
    }
    if (outdated()) dialog.close();
    buttons();
  };

  // What is shown may be old: then that is said, with since when, and nothing can be asked for.
  const stale = document.querySelector("#stale");
  const asOf = document.querySelector("#as-of");
  const says = { silent: "", unread: "" };
  const isStale = () => Boolean(says.silent || says.unread);
  let held = null;
  const buttons = () => {
    const all = [...main.querySelectorAll("button")];
    if (isStale()) {
      if (dialog?.open) dialog.close();
      const active = document.activeElement;
      if (all.includes(active)) { held = means(active); main.focus(); }
    }
    for (const button of all) button.disabled = isStale();
    if (!isStale() && held) {
      if (document.activeElement === main) all.find((it) => means(it) === held)?.focus();
      held = null;
    }
  };
  const tell = (what, text) => {
    says[what] = text;
    const told = Object.values(says).filter(Boolean).join("\n");
    if (stale.textContent !== told) stale.textContent = told;
    buttons();
  };

  // A page that nothing is heard of for so long has no connection, whatever the browser makes of it.
  const SILENT = 20_000;
  const AGAIN = 5_000;
  let shown = new Date().toISOString().slice(11, 19);
  let heard = Date.now();
  const hear = () => { heard = Date.now(); if (says.silent) tell("silent", ""); };
  const since = () => `since ${shown} UTC: what is shown is from then.`;
  const lost = () => tell("silent", `No connection to \`bg ui\` ${since()} It is tried again by itself.`);
  // What something else than events says: whoever asks for events is not told.
  const refused = async () => {
    const answer = await fetch(main.dataset.live, { signal: AbortSignal.timeout(SILENT) });
    const kind = answer.headers.get("content-type") ?? "";
    if (answer.ok) answer.body?.cancel();
    if (answer.ok && kind.startsWith("text/event-stream")) return null;
    if (answer.status === 403) return `\`bg ui\` does not let this page in ${since()} Open the address that it prints.`;
    if (answer.status === 404) return `The state store knows nothing of what this page shows any more ${since()}`;
    const text = answer.ok ? "no events" : (await answer.text()).trim();
    return `The page's address answers with ${answer.status}: ${text.slice(0, 200)}, ${since()} It is tried again by itself.`;
  };

  let listened = Date.now();
  let later = null;
  let source = null;
  const wait = (length) => { source.close(); later = setTimeout(listen, length); };
  const listen = () => {
    source?.close();
    clearTimeout(later);
    later = null;
    listened = Date.now();
    const own = new EventSource(main.dataset.live);
    source = own;
    own.addEventListener("main", (event) => {
      // In the place of a page that could not be made there is now one.
      if ("unread" in main.dataset) { own.close(); location.reload(); return; }
      hear();
      show(event.data);
      tell("unread", "");
    });
    own.addEventListener("unread", (event) => {
      hear();
      if ("unread" in main.dataset) return;
      tell("unread", `The state can't be read since ${shown} UTC: ${event.data}. What is shown is from then.`);
    });
    own.addEventListener("here", (event) => {
      hear();
      if (event.data === "-") return;
      shown = event.data;
      asOf.textContent = `What is shown is from ${shown}.`;
    });
    // The server has said what there is: a browser has few connections, and what changes seldom keeps none.
    own.addEventListener("later", (event) => { hear(); wait(Number(event.data)); });
    own.addEventListener("error", async () => {
      if (own.readyState !== EventSource.CLOSED) { lost(); return; }
      // It was answered, but not with events: the browser gives up, and we don't.
      const why = await refused().catch(() => undefined);
      if (own !== source) return;
      if (why) tell("silent", why);
      else if (why === undefined) lost();
      wait(AGAIN);
    });
  };
  listen();
  document.addEventListener("visibilitychange", () => { if (!document.hidden && later !== null) listen(); });
  setInterval(() => {
    if (later !== null || Date.now() - Math.max(heard, listened) < SILENT) return;
    if (!says.silent) lost();
    listen();
  }, 1_000);
})();
