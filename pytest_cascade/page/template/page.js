"use strict";
// The page's one script: a view (what is searched, shown, sorted, open) is read from the address,
// put on the page, and written back whenever the reader changes it. Everything that came from a
// test is set as text, never as markup.

const table = document.getElementById("rows");
const LEFT_OUT = "The details of this test were left out, for the page would grow too large: run it alone for them.";
const DEFAULTS = { q: "", show: "", sort: "test", dir: "ascending", open: "", miss: "" };

if (table) unpacked().then(begin);

async function unpacked() {
  const packed = atob(document.getElementById("details").textContent);
  const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).json();
}

function begin(details) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((tr, number) => ({
    tr,
    number,
    button: tr.querySelector("button"),
    name: tr.querySelector("button").textContent,
    engine: tr.querySelector(".engine")?.textContent ?? "",
    outcome: tr.className,
    detail: null,
  }));
  const query = document.getElementById("query");
  const radios = [...document.querySelectorAll("input[name=show]")];
  const heads = [...table.tHead.rows[0].cells];
  let view = read();

  // -- the view, from the address and back -----------------------------------------------------

  function read() {
    const given = new URLSearchParams(location.hash.slice(1));
    const found = { ...DEFAULTS };
    for (const name of Object.keys(DEFAULTS)) {
      if (given.has(name)) found[name] = given.get(name);
    }
    return found;
  }

  function change(changes) {
    view = { ...view, ...changes };
    const said = Object.entries(view).filter(([name, value]) => value !== DEFAULTS[name]);
    const address = new URLSearchParams(said).toString();
    history.replaceState(null, "", address ? `#${address}` : location.pathname + location.search);
    show();
  }

  function show() {
    if (query.value !== view.q) query.value = view.q;
    for (const radio of radios) radio.checked = radio.value === view.show;
    sort();
    filter();
    for (const row of rows) toggle(row, isOpen(row));
  }

  // -- sort and filter -------------------------------------------------------------------------

  function sort() {
    const column = heads.findIndex((head) => head.dataset.sort === view.sort);
    for (const [index, head] of heads.entries()) {
      if (index === column) head.setAttribute("aria-sort", view.dir);
      else head.removeAttribute("aria-sort");
    }
    if (column < 0) return;
    const sign = view.dir === "descending" ? -1 : 1;
    const keys = new Map(rows.map((row) => [row, key(row.tr.cells[column])]));
    const sorted = [...rows].sort((a, b) => sign * compare(keys.get(a), keys.get(b)) || a.number - b.number);
    const wanted = sorted.flatMap((row) => (row.detail ? [row.tr, row.detail] : [row.tr]));
    if (wanted.some((tr, index) => tr !== body.rows[index])) body.append(...wanted); // moves the focus
  }

  function key(cell) {
    const text = cell.textContent.trim();
    const number = text.match(/^[\d,]+/);
    if (cell.parentNode.cells[0] === cell || cell.cellIndex === 1) return text;
    return number ? Number(number[0].replaceAll(",", "")) : -1;
  }

  function compare(a, b) {
    return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  }

  function filter() {
    const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = `${row.name} ${row.engine}`.toLowerCase();
      const fits = words.every((word) => text.includes(word)) && (!view.show || row.outcome === view.show);
      row.tr.hidden = !fits;
      if (row.detail) row.detail.hidden = !fits;
      shown += fits;
    }
    const status = document.getElementById("shown");
    status.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  }

  // -- the details of a row --------------------------------------------------------------------

  function label(row) {
    return row.engine ? `${row.name} (${row.engine})` : row.name;
  }

  function isOpen(row) {
    return view.open === label(row) || (view.open === row.name && row === rows.find((each) => each.name === row.name));
  }

  function toggle(row, open) {
    row.button.setAttribute("aria-expanded", String(open));
    if (open && !row.detail) {
      row.detail = element("tr", { class: "detail" });
      const cell = row.detail.appendChild(element("td", { colspan: String(heads.length) }));
      cell.append(...detail(row));
      row.tr.after(row.detail);
    } else if (!open && row.detail) {
      row.detail.remove();
      row.detail = null;
    }
    if (row.detail) {
      row.detail.hidden = row.tr.hidden;
      pick(row, view.miss);
    }
  }

  function detail(row) {
    const told = details.rows[row.number];
    if (!told) return [element("p", { class: "warning" }, LEFT_OUT)];
    const parts = [];
    if (told.verdict) parts.push(heading("Verdict"), element("pre", {}, told.verdict));
    if (told.bounds) parts.push(heading("Bounds"), bounds(told.bounds));
    parts.push(heading("What happened, in order"), ...timeline(row, told.strip ?? []));
    if (told.fallbacks) parts.push(heading("Fallbacks"), list(told.fallbacks));
    parts.push(heading("Counts"), counts(told));
    if (told.tasks) parts.push(heading("Tasks executed"), list(told.tasks.map(([name, times]) => `${name}: ${number(times)}`)));
    return parts;
  }

  function bounds(all) {
    const items = all.map(([text, holds]) =>
      element("li", { class: holds ? "bound" : "bound broken" }, `${text}: ${holds ? "holds" : "does not hold"}`));
    return element("ul", {}, ...items);
  }

  function counts(told) {
    const before = told.before;
    const names = details.counters.map((name, index) => [name, told.counts?.[index], before?.[index]]);
    const known = names.filter(([, now, was]) => now != null || was != null);
    const columns = before ? ["", "before", "now", ""] : ["", "now"];
    const head = element("tr", {}, ...columns.map((text) => element("th", { scope: "col" }, text)));
    const lines = known.map(([name, now, was]) => {
      const cells = before ? [was, now] : [now];
      const sign = !before || now === was ? "" : (now ?? 0) > (was ?? 0) ? "▲ more" : "▼ less";
      return element("tr", {}, element("th", { scope: "row" }, name),
        ...cells.map((count) => element("td", {}, count == null ? "-" : number(count))),
        ...(before ? [element("td", {}, sign)] : []));
    });
    return scroll("Counts", element("table", {}, element("thead", {}, head), element("tbody", {}, ...lines)));
  }

  // -- the strip -------------------------------------------------------------------------------

  function timeline(row, strip) {
    if (!strip.length) return [element("p", {}, "Nothing was looked up.")];
    let misses = 0;
    const marks = strip.map((stretch) => mark(row, stretch, stretch.miss ? ++misses : 0));
    const strips = element("ol", { class: "strip" }, ...marks);
    const key = element("p", { class: "key" },
      element("span", {}, "◆ miss: choose one for its reason"), element("span", {}, "▬ hits"),
      element("span", {}, "┄ iterations without a lookup"));
    return [strips, key, element("div", { class: "answer", role: "status" })];
  }

  function mark(row, stretch, nth) {
    const { kind, count, start, hits, miss } = stretch;
    const item = element("li");
    item.style.flexGrow = miss ? "0" : String(1 + Math.log2(count));
    if (kind !== "miss" || !miss) {
      const text = {
        hit: times(count, "hit"),
        vm: `${times(count, "iteration")} without a lookup`,
        more: `${number(count)} more, not told one by one`,
      }[kind];
      const title = `${text}, from iteration ${number(start)}`;
      item.append(element("span", { class: `run ${kind}`, title }, text));
      return item;
    }
    const text = `${title(stretch)}: ${miss.text}`;
    const shown = (count === 1 ? "" : `×${number(count)}`) + (hits ? `, ${times(hits, "hit")} after each` : "");
    const names = { "aria-pressed": "false", "aria-label": text, title: text };
    const button = element("button", { class: "miss", ...names }, shown);
    button.addEventListener("click", () => {
      const again = view.open === label(row) && view.miss === String(nth);
      change({ open: label(row), miss: again ? "" : String(nth) });
    });
    item.append(button);
    return item;
  }

  function title({ count, start, hits }) {
    if (count === 1) return `Miss at iteration ${number(start)}`;
    const between = hits ? `, with ${times(hits, "hit")} after each` : "";
    return `${number(count)} misses from iteration ${number(start)} on${between}`;
  }

  function pick(row, chosen) {
    const answer = row.detail.querySelector(".answer");
    if (!answer) return;
    for (const [index, button] of row.detail.querySelectorAll(".miss").entries()) {
      button.setAttribute("aria-pressed", String(chosen === String(index + 1)));
    }
    if (answer.dataset.miss === chosen) return;
    answer.dataset.miss = chosen;
    const stretch = details.rows[row.number].strip.filter((each) => each.miss)[Number(chosen) - 1];
    answer.replaceChildren(...(stretch ? [reason(stretch)] : []));
  }

  function reason(stretch) {
    const { miss } = stretch;
    const size = miss.nodes ? `, ${times(miss.nodes, "node")}` : "";
    const facts = [["planned", `${miss.root}${size}`], ["why", miss.text], ["defined at", miss.source],
      ["run at", miss.called_from], ["planning took", miss.took]].filter(([, text]) => text);
    const panel = element("div", { class: "reason" },
      element("h4", {}, title(stretch)),
      element("dl", {}, ...facts.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)])));
    if (miss.changes) panel.append(differences(miss));
    const graphs = element("div", { class: "graphs" });
    const alone = miss.before === undefined;
    if (!alone) graphs.append(graph(details.drawings[miss.before], "The nearest known structure"));
    if (miss.now !== undefined) graphs.append(graph(details.drawings[miss.now], alone ? "What was planned" : "What was planned now"));
    panel.append(graphs);
    if (!alone) panel.append(element("p", { class: "key" }, "◆ with a dashed frame: not the same in both."));
    return panel;
  }

  function differences(miss) {
    const columns = ["where", "was", "is"].map((text) => element("th", { scope: "col" }, text));
    const lines = miss.changes.map((cells) => element("tr", {}, ...cells.map((text) => element("td", {}, text))));
    const head = element("thead", {}, element("tr", {}, ...columns));
    const all = element("table", { class: "changes" }, head, element("tbody", {}, ...lines));
    const more = miss.more_changes ? [element("p", {}, `and ${times(miss.more_changes, "more difference")}`)] : [];
    return scroll("Differences", all, ...more);
  }

  // -- what the reader does --------------------------------------------------------------------

  for (const head of heads) {
    head.querySelector("button").addEventListener("click", () => {
      const sort = head.dataset.sort;
      const first = sort === "test" || sort === "verdict" ? "ascending" : "descending";
      const other = first === "ascending" ? "descending" : "ascending";
      change({ sort, dir: view.sort === sort && view.dir === first ? other : first });
    });
  }
  for (const row of rows) {
    row.button.addEventListener("click", () => change({ open: isOpen(row) ? "" : label(row), miss: "" }));
  }
  for (const radio of radios) radio.addEventListener("change", () => change({ show: radio.value }));
  query.addEventListener("input", () => change({ q: query.value }));
  document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("tests").focus();
  });
  addEventListener("hashchange", () => { view = read(); show(); reveal(); });
  addEventListener("beforeprint", () => {
    for (const row of rows) if (row.outcome === "unexpected") toggle(row, true);
  });
  addEventListener("afterprint", show);
  show();
  reveal();

  function reveal() {
    const row = view.open && rows.find(isOpen);
    if (row && !row.tr.hidden) {
      row.tr.scrollIntoView({ block: "start" });
      row.button.focus({ preventScroll: true });
    }
  }
}

// -- graphs --------------------------------------------------------------------------------------

function graph(drawing, title) {
  const wide = Math.max(...drawing.nodes.map(([name]) => name.length)) * 7.3 + 24;
  const step = wide + 28, drop = 74, high = 28;
  const columns = drawing.nodes.map(([, column]) => column);
  const left = Math.min(...columns), right = Math.max(...columns);
  const bottom = Math.max(...drawing.nodes.map(([, , row]) => row));
  const width = (right - left) * step + wide + 8, height = bottom * drop + high + 8;
  const x = (node) => (node[1] - left) * step + wide / 2 + 4;
  const y = (node) => node[2] * drop + 4;
  const svg = shape("svg", { class: "graph", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": told(drawing, title) });
  for (const [source, target, , kind] of drawing.lines) {
    const [from, to] = [drawing.nodes[source], drawing.nodes[target]];
    const [x1, y1, x2, y2] = [x(from), y(from) + high, x(to), y(to)];
    const bend = (y2 - y1) / 2;
    svg.append(shape("path", { class: kind, d: `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}` }));
  }
  for (const node of drawing.nodes) {
    const group = svg.appendChild(shape("g", { class: node[3] ? "changed" : "same" }));
    group.append(shape("rect", { x: x(node) - wide / 2, y: y(node), width: wide, height: high, rx: 5 }));
    group.append(shape("text", { x: x(node), y: y(node) + 18 }, (node[3] ? "◆ " : "") + node[0]));
  }
  const places = new Map();
  for (const [source, target, text] of drawing.lines) {
    const [from, to] = [drawing.nodes[source], drawing.nodes[target]];
    const place = `${x(from)} ${y(from)} ${x(to)}`;
    const nth = places.get(place) ?? 0;
    places.set(place, nth + 1);
    const share = 0.62;
    svg.append(shape("text", { class: "label", x: x(from) + (x(to) - x(from)) * share, y: y(from) + high + (y(to) - y(from) - high) * share + nth * 12 }, text));
  }
  const rest = drawing.left_out ? ` (${times(drawing.left_out, "more node")} not drawn)` : "";
  return element("figure", {}, element("figcaption", {}, title + rest), scroll(title, svg));
}

function told({ nodes, lines }, title) {
  const names = nodes.map(([name, , , changed]) => (changed ? `${name} (changed)` : name));
  const uses = lines.map(([source, target, text]) => `${names[source]} is ${text} of ${names[target]}`);
  return `${title}: ${[...(uses.length ? uses : names)].join("; ")}`;
}

// -- small helpers -------------------------------------------------------------------------------

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function shape(tag, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text) made.append(text);
  return made;
}

function scroll(title, ...children) {
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, ...children);
}

function heading(text) {
  return element("h4", {}, text);
}

function list(texts) {
  return element("ul", {}, ...texts.map((text) => element("li", {}, text)));
}

function number(count) {
  return count.toLocaleString("en");
}

function times(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}
