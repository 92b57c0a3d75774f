// Small behaviours of the pages: theme, clock, keyboard, drawer, charts, stale banner. The URL is the whole state.
"use strict";
(() => {
  const $ = (selector, root) => (root || document).querySelector(selector);
  const $$ = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const root = document.documentElement;
  const ja = root.lang !== "en";
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  // Theme: a cookie remembers the choice; without one the system decides.
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-toggle]");
    if (!button) return;
    const next = dark() ? "light" : "dark";
    root.dataset.theme = next;
    document.cookie = `sekisho_theme=${next}; Path=/; Max-Age=31536000; SameSite=Strict`;
    charts.redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.redraw());

  // Wall clock in JST; a frozen clock (data-frozen) stays.
  const clock = $("[data-clock]");
  if (clock && !clock.hasAttribute("data-frozen")) {
    // The server's clock moves on from the page's moment: a wrong clock of the PC does not matter.
    const start = Number(clock.dataset.clock), since = performance.now();
    const format = new Intl.DateTimeFormat("ja-JP", { timeZone: "Asia/Tokyo", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
    setInterval(() => { clock.textContent = format.format(new Date(start + performance.now() - since)); }, 1000);
  }

  // A page that cannot refresh says so.
  const offline = $("#offline");
  const setOffline = (on) => { if (offline) offline.hidden = !on; };
  for (const name of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(name, () => setOffline(true));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) location.reload(); else setOffline(true);
  });
  document.addEventListener("htmx:afterOnLoad", () => setOffline(false));

  // Rows of alerts that were not there before flash once.
  let known = null;
  const noteRows = () => {
    const rows = $$("tr[data-alert]");
    const ids = new Set(rows.map((row) => row.dataset.alert));
    const fresh = known ? rows.filter((row) => !known.has(row.dataset.alert)) : [];
    fresh.forEach((row) => row.classList.add("flash"));
    const said = $("#new-alerts");
    if (said && fresh.length) said.textContent = `${said.dataset.one} ${fresh.length}`;
    if (rows.length || known) known = ids;
  };

  // Keyboard: J/K move, Enter opens, / goes to the query, [ and ] move the window, Esc closes.
  let current = -1;
  const rows = () => $$("tr[data-row]");
  const mark = (index) => {
    const all = rows();
    if (!all.length) return;
    current = Math.max(0, Math.min(index, all.length - 1));
    all.forEach((row, at) => row.classList.toggle("current", at === current));
    all[current].scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.key === "Enter") { const form = $("#query-form"); if (form) form.submit(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select")) { if (event.key === "Escape") event.target.blur(); return; }
    if ($("dialog[open]") && event.key !== "Escape") return;
    const link = (selector) => { const found = $(selector); if (found) found.click(); };
    switch (event.key) {
      case "j": mark(current + 1); break;
      case "k": mark(current - 1); break;
      case "Enter": if (current >= 0 && !event.target.closest("a, button, summary")) { const open = $("a[data-open]", rows()[current]); if (open) open.click(); } break;
      case "/": { const query = $("#q"); if (query) { event.preventDefault(); query.focus(); query.select(); } break; }
      case "[": link("[data-window='previous']"); break;
      case "]": link("[data-window='next']"); break;
    }
  });

  // Drawer: links with data-drawer open in the dialog; the address carries ?event=, Back closes.
  const drawer = $("#drawer");
  const here = () => new URL(location.href);
  const openDrawer = (href, id, push) => {
    if (!drawer) { location.href = href; return; }
    $("#drawer-body").innerHTML = `<p class="skeleton">${ja ? "読み込み中…" : "Loading…"}</p>`;
    if (!drawer.open) drawer.showModal();
    htmx.ajax("GET", href, { target: "#drawer-body", swap: "innerHTML" });
    if (push) { const url = here(); url.searchParams.set("event", id); history.pushState({ drawer: true }, "", url); }
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-drawer]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      openDrawer(link.href, link.dataset.drawer, true);
    }
    if (event.target.closest("[data-close]") && drawer) drawer.close();
    if (event.target === drawer) drawer.close();
    const row = event.target.closest("tr[data-row]");
    if (row && !event.target.closest("a, button, input") && !String(getSelection())) { const open = $("a[data-open]", row); if (open) { mark(rows().indexOf(row)); open.click(); } }
  });
  if (drawer) {
    drawer.addEventListener("close", () => {
      const url = here();
      if (!url.searchParams.has("event")) return;
      if (history.state && history.state.drawer) history.back();
      else { url.searchParams.delete("event"); history.replaceState(null, "", url); }
    });
    addEventListener("popstate", () => {
      const id = here().searchParams.get("event");
      if (!id && drawer.open) drawer.close();
      if (id && !drawer.open) openDrawer(`/search/event/${encodeURIComponent(id)}${location.search}`, id, false);
    });
  }

  // Tabs and copy. The clipboard API is absent on plain HTTP, so a text area does it there.
  document.addEventListener("click", (event) => {
    const tab = event.target.closest("[role='tab']");
    if (tab) {
      $$("[role='tab']", tab.parentElement).forEach((other) => {
        const on = other === tab;
        other.setAttribute("aria-selected", String(on));
        const panel = document.getElementById(other.getAttribute("aria-controls"));
        if (panel) panel.hidden = !on;
      });
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const shown = $$("[data-copyable]").find((part) => part.offsetParent !== null);
      const text = copy.dataset.copy || (shown ? shown.dataset.copyable || shown.innerText : "");
      copyText(text);
      const said = copy.textContent;
      copy.textContent = copy.dataset.done;
      setTimeout(() => { copy.textContent = said; }, 1500);
    }
  });
  const copyText = (text) => {
    if (navigator.clipboard && isSecureContext) { navigator.clipboard.writeText(text); return; }
    const area = document.createElement("textarea");
    area.value = text;
    ($("dialog[open]") || document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };

  // Moving the range by brush changes the address; everything else follows from it.
  const pad = (n) => String(n).padStart(2, "0");
  const jst = (seconds) => { const d = new Date((seconds + 9 * 3600) * 1000); return `${d.getUTCFullYear()}-${pad(d.getUTCMonth() + 1)}-${pad(d.getUTCDate())}T${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}:${pad(d.getUTCSeconds())}`; };
  const setRange = (from, to) => {
    const url = here();
    for (const key of ["range", "before", "event"]) url.searchParams.delete(key);
    url.searchParams.set("from", jst(Math.floor(from)));
    url.searchParams.set("to", jst(Math.max(Math.ceil(to), Math.floor(from) + 1)));
    location.href = url;
  };
  const resetRange = () => {
    const url = here();
    if (!url.searchParams.has("from")) return;
    url.searchParams.delete("from"); url.searchParams.delete("to");
    location.href = url;
  };

  // Charts. Data: {interval, from, to, start:[s], total:[n], denied:[n], detections:[n], alerts:[[s, level]]}
  const charts = {
    made: [],
    data: new Map(),
    async load(box) {
      if (!box) return;
      try {
        const reply = await fetch(box.dataset.chart, { headers: { accept: "application/json" } });
        if (!reply.ok) throw new Error(await reply.text());
        const data = await reply.json();
        this.data.set(box, data);
        this.draw(box, data);
        setOffline(false);
      } catch (error) {
        if (!this.data.has(box)) { const note = $("[data-chart-state]", box); if (note) note.textContent = `${ja ? "表示できません" : "Cannot show"}: ${String(error.message).slice(0, 200)}`; } else setOffline(true);
      }
      box.dataset.loaded = "1";
      ready();
    },
    redraw() { for (const [box, data] of this.data) this.draw(box, data); },
    draw(box, data) {
      const note = $("[data-chart-state]", box);
      if (note) note.hidden = true;
      this.made.filter((made) => made.box === box).forEach((made) => made.plot.destroy());
      this.made = this.made.filter((made) => made.box !== box);
      const panes = $$("[data-pane]", box);
      const sync = uPlot.sync(box.id);
      for (const pane of panes) {
        const last = pane === panes[panes.length - 1];
        const options = this.options(pane, data, last, sync, box);
        const values = pane.dataset.pane.split(" ").map((name) => data[name]);
        this.made.push({ box, pane, plot: new uPlot(options, [data.start, ...values], pane) });
      }
      this.legend(box, data, null);
    },
    legend(box, data, index) {
      for (const out of $$("[data-sum]", box.closest(".card"))) {
        const list = data[out.dataset.sum] || [];
        const value = index === null ? list.reduce((a, b) => a + b, 0) : list[index];
        out.textContent = Number(value || 0).toLocaleString("ja-JP");
      }
      const foot = $("[data-when]", box);
      const every = data.interval % 3600 === 0 ? [data.interval / 3600, "時間", "h"] : data.interval % 60 === 0 ? [data.interval / 60, "分", "min"] : [data.interval, "秒", "s"];
      const width = ja ? `（${every[0]}${every[1]}ごと）` : ` (every ${every[0]} ${every[2]})`;
      if (foot) foot.textContent = (index === null ? `${jst(data.from).replace("T", " ")} – ${jst(data.to).replace("T", " ")} JST` : `${jst(data.start[index]).replace("T", " ")} JST`) + width;
    },
    options(pane, data, last, sync, box) {
      const names = pane.dataset.pane.split(" ");
      const ink = css("--ink-3"), line = css("--line-2");
      const short = (n) => ja && n >= 10000 ? `${+(n / 10000).toFixed(1)}万` : !ja && n >= 10000 ? `${+(n / 1000).toFixed(1)}k` : n.toLocaleString("ja-JP");
      const paint = { total: [css("--total"), pane.dataset.bars ? css("--total") : css("--total-soft")], denied: [css("--deny"), css("--deny")], detections: [css("--crit"), css("--crit")] };
      const bars = uPlot.paths.bars({ size: [0.9, 40], align: 1 });
      const font = `11px ${getComputedStyle(document.body).fontFamily}`;
      const time = new Intl.DateTimeFormat("ja-JP", { timeZone: "Asia/Tokyo", hour: "2-digit", minute: "2-digit", hour12: false });
      const day = new Intl.DateTimeFormat("ja-JP", { timeZone: "Asia/Tokyo", month: "numeric", day: "numeric" });
      const second = new Intl.DateTimeFormat("ja-JP", { timeZone: "Asia/Tokyo", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
      return {
        width: pane.clientWidth || 600,
        height: Number(pane.dataset.height),
        padding: [pane.dataset.marks ? 14 : 6, 18, last ? 0 : 8, 0],
        legend: { show: false },
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1000), "Asia/Tokyo"),
        cursor: { sync: { key: sync.key }, drag: { x: true, y: false, setScale: false }, points: { show: false }, bind: { dblclick: () => () => { resetRange(); return null; } } },
        select: { show: true },
        scales: { x: { time: true, min: data.from, max: data.to, range: () => [data.from, data.to] }, y: { range: (u, min, max) => [0, Math.max(max * 1.08, 4)] } },
        axes: [
          { show: last, stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: 24, gap: 4, values: (u, ticks, a, b, step) => ticks.map((t) => step >= 86400 ? day.format(t * 1000) : step < 60 ? second.format(t * 1000) : time.format(t * 1000)) },
          { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: 46, gap: 4, space: 26, values: (u, ticks) => ticks.map((t) => Number.isInteger(t) ? short(t) : "") },
        ],
        series: [{}, ...names.map((name) => ({
          stroke: paint[name][0], fill: paint[name][1], width: name === "total" && !pane.dataset.bars ? 1.4 : 0, points: { show: false },
          paths: name === "total" && !pane.dataset.bars ? uPlot.paths.linear() : bars,
        }))],
        hooks: {
          setCursor: [(u) => { charts.legend(box, data, u.cursor.left >= 0 && u.cursor.idx != null ? u.cursor.idx : null); }],
          setSelect: [(u) => {
            if (u.select.width < 4) return;
            setRange(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x"));
          }],
          draw: [(u) => { if (pane.dataset.marks) charts.marks(u, data.alerts || []); }],
        },
      };
    },
    marks(u, alerts) {
      const names = { critical: "--crit", high: "--high", medium: "--med-mark", low: "--low", informational: "--info" };
      const scale = devicePixelRatio, size = 4.5 * scale, context = u.ctx;
      context.save();
      for (const [at, level] of alerts) {
        const x = u.valToPos(at, "x", true);
        if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
        context.fillStyle = css(names[level] || "--info");
        context.beginPath();
        context.moveTo(x - size, 2 * scale); context.lineTo(x + size, 2 * scale); context.lineTo(x, 2 * scale + size * 1.6);
        context.closePath(); context.fill();
      }
      context.restore();
    },
  };
  let resizing = 0;
  addEventListener("resize", () => { cancelAnimationFrame(resizing); resizing = requestAnimationFrame(() => charts.made.forEach(({ pane, plot }) => plot.setSize({ width: pane.clientWidth, height: Number(pane.dataset.height) }))); });

  // Ready: every panel has its first content. Browser tests wait for html[data-ready="1"].
  const ready = () => {
    if ($$("[data-chart]").every((box) => box.dataset.loaded || box.closest("details:not([open])")) && !$$("[data-lazy]").length) root.dataset.ready = "1";
  };
  document.addEventListener("htmx:afterSettle", (event) => { event.detail.target.removeAttribute("data-lazy"); noteRows(); ready(); });
  document.addEventListener("DOMContentLoaded", () => {
    noteRows();
    for (const box of $$("[data-chart]")) {
      // A folded chart asks for nothing; the choice is remembered.
      const fold = box.closest("details.fold");
      if (fold) {
        fold.open = localStorage.getItem("sekisho_histogram") !== "folded";
        fold.addEventListener("toggle", () => {
          localStorage.setItem("sekisho_histogram", fold.open ? "open" : "folded");
          if (fold.open && !box.dataset.loaded) charts.load(box);
        });
      }
      if (fold && !fold.open) continue;
      charts.load(box);
      if (box.dataset.every) setInterval(() => { if (!document.hidden) charts.load(box); }, Number(box.dataset.every) * 1000);
    }
    const event = here().searchParams.get("event");
    if (event && drawer) openDrawer(`/search/event/${encodeURIComponent(event)}${location.search}`, event, false);
    ready();
  });
})();
