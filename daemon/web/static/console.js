// Keeps the living part of a page fresh: fetches the same address again and shows it if it changed.
"use strict";
(() => {
  const live = document.getElementById("live");
  const stale = document.getElementById("stale");
  const every = Number(live.dataset.refresh || 0);
  let shown = null;
  let lost = null;
  // What a reader types or chooses in.
  const fields = "input:not([type=checkbox], [type=radio]), select";
  // What comes anew with the page is ticked as its reader has left it.
  const ticks = "input[type=checkbox][id], input[type=radio][id]";

  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "long" });
  function localise(root) {
    for (const each of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(each.dateTime);
      const today = moment.toDateString() === new Date().toDateString();
      each.title = full.format(moment);
      each.textContent = (today ? clock : day).format(moment);
    }
  }

  // A reader who marks text, or has a list open, is not to be interrupted: with what, if so.
  function busy() {
    const selection = document.getSelection();
    if (selection && !selection.isCollapsed && live.contains(selection.anchorNode)) return "select";
    return live.contains(document.activeElement) && document.activeElement.matches(fields) ? "choose" : "";
  }

  // A page that stands still without a word looks as one that is up to date.
  let held = false;
  function hold() {
    const doing = busy();
    if (doing && !lost) {
      stale.textContent = `Held while you ${doing}: what you see may be out of date.`;
      stale.title = "";
      stale.hidden = false;
    } else if (held && !lost) {
      stale.hidden = true;
    }
    held = Boolean(doing);
    return held;
  }

  // Elements come anew with the page. One with an id is found again by it, another by where it leads, what it sends or
  // what it is called, and by its place among those that are equal in this.
  const marks = ["href", "name", "value", "aria-label", "aria-labelledby"];
  function alike(element) {
    const same = (each) => marks.every((of) => each.getAttribute(of) === element.getAttribute(of));
    const within = element.parentElement?.id;
    return [...live.querySelectorAll(element.localName)].filter((each) => same(each) && each.parentElement.id === within);
  }

  function show(text) {
    const focused = live.contains(document.activeElement) ? document.activeElement : null;
    const scrolled = [...live.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    const place = focused ? alike(focused).indexOf(focused) : -1;
    const opened = [...live.querySelectorAll("details[open]")].map((each) => each.id);
    const ticked = new Map([...live.querySelectorAll(ticks)].map((each) => [each.id, each.checked]));
    live.innerHTML = text;
    localise(live);
    live.querySelectorAll(".scroll").forEach((each, index) => { each.scrollLeft = scrolled[index] || 0; });
    for (const id of opened) { const part = id && document.getElementById(id); if (part) part.open = true; }
    for (const each of live.querySelectorAll(ticks)) each.checked = ticked.get(each.id) ?? each.checked;
    const again = focused?.id ? document.getElementById(focused.id) : focused && alike(focused)[place];
    if (again) again.focus({ preventScroll: true });
  }

  function trouble(error) {
    lost = lost || new Date();
    stale.textContent = `No answer since ${clock.format(lost)}: what you see may be out of date.`;
    stale.title = String(error);
    stale.hidden = false;
  }

  // A fragment; nothing if the visit is over, and the page is on its way to the login.
  async function ask(address) {
    const answer = await fetch(address, { headers: { "X-Fragment": "1" }, cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (answer.status === 401) { location.reload(); return undefined; }
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const text = await answer.text();
    lost = null;
    return text;
  }

  async function refresh() {
    if (document.hidden || hold()) return;
    try {
      const text = await ask(location.href);
      if (text === undefined) return;
      stale.hidden = !hold();
      if (text !== shown && !held) { shown = text; show(text); }
    } catch (error) {
      trouble(error);
    }
  }

  // A retry has ended when it is noted: the record is carried a moment later.
  function once() {
    if (document.hidden || hold()) setTimeout(once, 2000);
    else refresh();
  }

  // A page that is dear to make stands still: it asks what became of the command that led to it, and for itself once
  // more when that has ended.
  let told = "";
  async function follow() {
    const notice = live.querySelector("[data-follow]");
    if (!notice) return;
    try {
      const text = document.hidden || hold() ? undefined : await ask(notice.dataset.follow);
      if (text !== undefined && !hold()) {
        stale.hidden = true;
        // Left alone while it says the same: a link in it may have the focus.
        if (text !== told) notice.outerHTML = told = text;
        if (!live.querySelector("[data-follow]")) setTimeout(once, 2000);
      }
    } catch (error) {
      trouble(error);
    }
    setTimeout(follow, 2000);
  }

  // One box ticks all of a table.
  document.addEventListener("change", (event) => {
    const name = event.target.dataset.all;
    if (!name) return;
    for (const each of live.querySelectorAll(`input[type=checkbox][name="${name}"]`)) each.checked = event.target.checked;
  });

  async function keep() {
    await refresh();
    setTimeout(keep, every);
  }

  localise(document);
  // On a phone, which may be turned, the pages' names are wider than the window. Only their own row moves.
  function point() {
    const nav = document.querySelector("header nav"), current = nav?.querySelector("[aria-current]");
    if (current) nav.scrollLeft = current.offsetLeft - nav.offsetLeft - (nav.clientWidth - current.offsetWidth) / 2;
  }
  point();
  addEventListener("resize", point);
  if (every) {
    setTimeout(keep, every);
    document.addEventListener("visibilitychange", refresh);
    for (const change of ["selectionchange", "focusin", "focusout"]) document.addEventListener(change, hold);
  }
  setTimeout(follow, 1000);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches(fields)) return;
    const key = CSS.escape(event.key);
    const wanted = document.querySelector(`[data-key="${key}"]`);
    const elsewhere = document.querySelector(`[data-key-to="${key}"]`);
    if (wanted || elsewhere) event.preventDefault();
    if (wanted) wanted.focus();
    else if (elsewhere) location.assign(`${elsewhere.href}#search`);
  });
  if (location.hash === "#search") document.getElementById("search")?.focus();
})();
