// Keys, and what must not get lost when a part of the page is replaced. Everything here is a
// shortcut to a link, a button or a form of the page: without this script they work all the same.
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const shown = (element) => element.getClientRects().length > 0;
  const typing = (element) =>
    element.matches("textarea, select, [contenteditable]") ||
    (element.matches("input") && !element.matches("[type=checkbox], [type=radio], [type=submit]"));

  // A key as the table of keys names it.
  const nameOf = (event) => {
    const special = event.key.length > 1;
    const control = event.ctrlKey || event.metaKey ? "Control+" : "";
    return control + (special && event.shiftKey ? "Shift+" : "") +
      (control && !special ? event.key.toLowerCase() : event.key);
  };

  // Sheets: details whose form opens beside a button.
  const firstField = (sheet) =>
    one("[data-first], input:not([type=hidden]), select, textarea, button, a", one(".sheet-body", sheet));
  const openSheet = (sheet) => {
    sheet.open = true;
    if (!one(".sheet-body", sheet)) { one("summary", sheet).focus(); return; }
    const field = firstField(sheet);
    if (field) { field.focus(); if (field.select && field.matches("input")) field.select(); }
  };
  const closeSheets = (except) => {
    const open = all("details.sheet[open]").filter((sheet) => !except || !sheet.contains(except));
    open.forEach((sheet) => { sheet.open = false; });
    return open;
  };

  // Rows of a list; the current one is where the focus is.
  const rows = () => all("[data-row]").filter(shown);
  const currentRow = () => document.activeElement.closest("[data-row]");
  const goToRow = (step) => {
    const list = rows();
    if (!list.length) return false;
    const at = list.indexOf(currentRow());
    const row = list[at < 0 ? 0 : Math.min(Math.max(at + step, 0), list.length - 1)];
    one("a", row).focus();
    row.scrollIntoView({ block: "nearest" });
    return true;
  };
  const toggleRow = (on) => {
    const box = currentRow() && one("input[type=checkbox]", currentRow());
    if (!box) return;
    box.checked = on ?? !box.checked;
    box.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const press = (act) => {
    if (sending && !["next", "previous", "back"].includes(act)) { afterwards = act; return true; }
    const found = all(`[data-act~="${act}"]`).find((element) => shown(element) || element.matches("details"));
    if (!found) return false;
    if (found.matches("details")) openSheet(found);
    else if (found.matches("input, select, textarea")) { found.focus(); if (found.select) found.select(); }
    else found.click();
    return true;
  };
  const goToPane = (step) => {
    const panes = all("[data-pane]").filter(shown);
    const at = panes.findIndex((pane) => pane.contains(document.activeElement));
    const pane = panes[(at + step + panes.length) % panes.length];
    pane.tabIndex = -1;
    pane.focus();
  };
  const acts = {
    next: () => press("next") || goToRow(1),
    previous: () => press("previous") || goToRow(-1),
    select: () => toggleRow(),
    select_next: () => { toggleRow(true); goToRow(1); },
    select_previous: () => { toggleRow(true); goToRow(-1); },
    pane_next: () => goToPane(1),
    pane_previous: () => goToPane(-1),
    submit: () => document.activeElement.closest("form")?.requestSubmit(),
    back: () => {
      const closed = closeSheets();
      if (closed.length) one("summary", closed[0]).focus();
      else if (typing(document.activeElement)) document.activeElement.blur();
      else press("back");
    },
    mention: () => { if (press("note")) { const field = document.activeElement; field.value += "@"; } },
  };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.altKey || event.defaultPrevented) return;
    const target = event.target;
    const name = nameOf(event);
    const keys = JSON.parse(document.getElementById("page").dataset.keys);
    const act = keys[name];
    if (act && name.length > 1) {
      if (act === "history" && typing(target)) return;
      event.preventDefault();
      (acts[act] || (() => press(act)))();
      return;
    }
    if (name === "Enter" && target.matches(".sheet-body select")) {
      event.preventDefault();
      target.form.requestSubmit();
      return;
    }
    if (name === "Enter" && target.matches("[data-filters]")) {
      const found = all("li:not([hidden]) :is(a, button)", document.getElementById(target.dataset.filters))[0];
      if (found) { event.preventDefault(); found.click(); }
      return;
    }
    if ((name === "ArrowDown" || name === "ArrowUp") && target.matches("[data-item]")) {
      const items = all("[data-item]").filter(shown);
      const next = items[items.indexOf(target) + (name === "ArrowDown" ? 1 : -1)];
      if (next) { event.preventDefault(); next.focus(); }
      return;
    }
    if (typing(target) || event.ctrlKey || event.metaKey) return;
    if (act) {
      event.preventDefault();
      (acts[act] || (() => press(act)))();
    } else if (/^[1-9]$/.test(name) && Object.keys(keys).some((key) => key.length === 1)) {
      if (press(`suggestion-${name}`)) event.preventDefault();
    }
  });

  document.addEventListener("click", (event) => {
    closeSheets(event.target);
    const does = event.target.closest("[data-does-act]");
    if (does) { closeSheets(); (acts[does.dataset.doesAct] || (() => press(does.dataset.doesAct)))(); }
    const summary = event.target.closest("details.sheet > summary");
    if (summary && !summary.parentElement.open && event.detail) {
      event.preventDefault();
      openSheet(summary.parentElement);
    }
  });

  document.addEventListener("input", (event) => {
    const list = document.getElementById(event.target.dataset.filters);
    if (list) {
      const wanted = event.target.value.toLowerCase();
      all("li", list).forEach((entry) => {
        const possible = !entry.dataset.does || one(`[data-act~="${entry.dataset.does}"]`);
        entry.hidden = !possible || !entry.textContent.toLowerCase().includes(wanted);
      });
    }
    if (event.target.closest("form[data-remaining]")) remaining();
  });

  // Forms that keep themselves: what was changed is sent at once, the answer replaces the page.
  // Changes and acts that come before the answer wait for it, so that none meets an old version.
  let sending = false;
  let afterwards = null;
  const changed = new Map();
  const send = (form) => { sending = true; form.requestSubmit(one("[data-saves]", form)); };
  document.addEventListener("change", (event) => {
    const { target } = event;
    if (target.form?.matches("[data-autosave]")) {
      remaining();
      if (sending) changed.set(target.id, target);
      else send(target.form);
    }
    if (target.matches("[data-bulk]")) bulk();
    if (target.matches("[data-go]")) target.form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[data-autosave]")) {
      // Enter in a field changes and submits: one request is enough.
      if (form.dataset.sent) { event.preventDefault(); event.stopImmediatePropagation(); }
      form.dataset.sent = sending = true;
    } else if (sending && event.submitter?.dataset.act) {
      event.preventDefault();
      event.stopImmediatePropagation();
      afterwards = event.submitter.dataset.act;
    }
  }, true);
  const goOn = () => {
    sending = false;
    const late = [...changed.values()];
    changed.clear();
    const fields = late.map((old) => [old, document.getElementById(old.id)]).filter(([, field]) => field);
    fields.forEach(([old, field]) => { field.checked = old.checked; field.value = old.value; });
    if (fields.length) send(fields[0][1].form);
    else if (afterwards) { const act = afterwards; afterwards = null; press(act); }
  };
  document.addEventListener("htmx:error", () => { sending = false; afterwards = null; });

  // The running remainder, for the eye alone: the server's figure replaces it with the next answer.
  const remaining = () => {
    const form = one("form[data-remaining]");
    if (!form) return;
    const digits = Number(form.dataset.exponent);
    const format = new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    const decimal = format.formatToParts(1.5).find((part) => part.type === "decimal")?.value || ".";
    const minorOf = (text) => {
      const [whole, part = ""] = text.replace(/[−-]/g, "").split(decimal).map((piece) => piece.replace(/\D/g, ""));
      return (/^\s*[−-]/.test(text) ? -1 : 1) * Number(whole + part.slice(0, digits).padEnd(digits, "0"));
    };
    let left = Number(form.dataset.remaining);
    all("[data-item]", form).forEach((box) => {
      const field = one("input.cash", box.closest("tr"));
      if (box.checked) left -= field && field.value ? minorOf(field.value) : Math.min(Number(box.dataset.item), Math.max(left, 0)) || Number(box.dataset.item);
    });
    const place = one("[data-remainder]");
    if (place) place.textContent = format.format(left / 10 ** digits).replace("-", "−");
  };

  const bulk = () => {
    const count = all("[data-bulk]:checked").length;
    all("[data-bulk-count]").forEach((place) => { place.textContent = count; });
    all("[data-bulk-bar]").forEach((bar) => { bar.hidden = count === 0; });
  };

  // Numbers pasted anywhere on an exception go to the form that reads them.
  document.addEventListener("paste", (event) => {
    const sheet = one("details[data-act~=paste]");
    if (!sheet || typing(event.target)) return;
    openSheet(sheet);
    const field = one("textarea", sheet);
    field.value = event.clipboardData.getData("text");
    field.form.requestSubmit();
    event.preventDefault();
  });

  // What a swap would lose: where panes are scrolled to. Then what the new page wants in focus.
  const scrolled = new Map();
  let last = null;
  document.addEventListener("htmx:before:swap", () => {
    scrolled.clear();
    const active = document.activeElement;
    last = active.closest("tr[id]") || active;
    // Else the browser lays out both pages at once, to find what has lost the focus.
    if (!typing(active)) active.blur();
    all("[data-keep-scroll]").forEach((pane) => scrolled.set(pane.id, pane.scrollTop));
  });
  const settle = () => {
    scrolled.forEach((top, id) => { const pane = document.getElementById(id); if (pane) pane.scrollTop = top; });
    const raw = document.getElementById("raw");
    if (raw && !scrolled.has("raw")) raw.scrollTop = (one(".around", raw)?.offsetHeight ?? 0) - 20;
    const here = one("[data-keep-scroll] [aria-current]");
    const list = here?.closest("[data-keep-scroll]"); // It alone: a narrow page begins at its head.
    const off = list && here.getBoundingClientRect().top - list.getBoundingClientRect().top;
    if (off < 0 || off > list?.clientHeight - 60) list.scrollTop += off - list.clientHeight / 3;
    const again = document.getElementById(last?.id);
    const wanted = again?.matches("tr") ? one("a", again) : again && shown(again) ? again : one("[data-focus]");
    if (!document.activeElement || document.activeElement === document.body) wanted?.focus({ preventScroll: true });
    bulk();
    goOn();
    if (!sending) prefetch();
  };
  document.addEventListener("htmx:after:swap", settle);
  // Whoever has searched goes on with what was found, not with the words.
  document.addEventListener("submit", (event) => { if (event.target.matches("[role=search]")) document.activeElement.blur(); });
  document.addEventListener("DOMContentLoaded", settle);

  // The next exception is fetched while this one is read. After an act the server says whether it
  // may be shown as it was fetched: then its answer is what stands around it alone.
  let fetched = null;
  let held = null;
  let waiting = 0;
  const prefetch = () => {
    const link = one("a[data-prefetch]");
    fetched = null;
    if (!link) return;
    const address = link.getAttribute("href");
    waiting = setTimeout(() => {
      const headers = { "HX-Request": "true", Accept: "text/html" };
      const whole = async (answer) => {
        const text = await answer.text();
        mine.shows = answer.ok && answer.headers.get("tieout-shows");
        mine.text = text;
        return new Response(text, { status: answer.status, headers: answer.headers });
      };
      const mine = { address, until: Date.now() + 30000 };
      mine.answer = fetch(address, { headers, credentials: "same-origin" }).then(whole);
      mine.answer.then(() => { link.dataset.prefetch = "held"; });
      mine.answer.catch(() => { if (fetched === mine) fetched = null; });
      fetched = mine;
    }, 50);
  };
  document.addEventListener("htmx:before:request", (event) => {
    const { ctx } = event.detail;
    const { method, action } = ctx.request;
    const known = fetched && Date.now() < fetched.until ? fetched : null;
    clearTimeout(waiting);
    fetched = held = null;
    if (known && method === "GET" && known.address === action) ctx.fetch = () => known.answer;
    if (known?.shows && method === "POST") {
      held = known.text;
      ctx.request.headers["Tieout-Fetched"] = known.shows;
    }
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { ctx } = event.detail;
    if (!held || !ctx.response?.headers.get("tieout-fetched")) return;
    const page = held.split(/<!--(?:status|strip)-->/);
    const around = ctx.text.split(/<!--(?:status|strip)-->/);
    [page[1], page[3]] = [around[1], around[3]];
    ctx.text = page.join("");
  });
})();
