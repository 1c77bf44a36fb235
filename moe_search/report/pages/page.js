"use strict";
// Lets a reader sort, filter and point at trials. The page is whole without it.

for (const study of document.querySelectorAll("article")) {
  const table = study.querySelector(".trials table");
  if (table) explore(study, table);
}

function explore(study, table) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const names = heads.map((head) => head.textContent);
  const rows = new Map([...body.rows].map((row) => [row.dataset.trial, row]));
  const marks = [...study.querySelectorAll("[data-trial]")];
  const ranges = new Map(); // of heights, by number of an axis
  const tip = document.body.appendChild(element("div", { className: "tip", hidden: true }));

  const search = element("input", { type: "search", placeholder: "attentive  experts>3  accuracy>=0.95" });
  search.setAttribute("aria-label", "Filter trials");
  const told = element("output");
  const clear = element("button", { type: "button", textContent: "show all" });
  const bar = element("div", { className: "filter" });
  bar.append("Filter", search, told, clear);
  table.closest(".trials").prepend(bar);

  // sort by a column, first the way in which it is mostly read: numbers from the largest
  heads.forEach((head, column) => {
    const button = element("button", { type: "button", textContent: names[column] });
    head.replaceChildren(button);
    button.onclick = () => {
      const falling = head.ariaSort ? head.ariaSort === "ascending" : !head.classList.contains("word");
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      const sign = falling ? -1 : 1;
      body.append(...[...body.rows].sort((a, b) => compare(text(a, column), text(b, column), sign)));
    };
  });

  search.oninput = show;
  clear.onclick = () => {
    search.value = "";
    ranges.clear();
    study.querySelectorAll(".range").forEach((range) => range.remove());
    show();
  };

  function show() {
    const out = new Set();
    const tests = search.value.split(/\s+/).filter(Boolean).map((word) => test(word, names));
    for (const [trial, row] of rows) if (!tests.every((keeps) => keeps(row))) out.add(trial);
    for (const line of study.querySelectorAll("[data-at]")) {
      const at = line.dataset.at.split(" ").map(Number);
      for (const [axis, [low, high]] of ranges)
        if (at[axis] < low || at[axis] > high) out.add(line.dataset.trial);
    }
    for (const mark of marks) mark.classList.toggle("out", out.has(mark.dataset.trial));
    const left = rows.size - [...rows.keys()].filter((trial) => out.has(trial)).length;
    told.textContent = `${left} of ${rows.size} trials`;
    clear.hidden = !search.value && !ranges.size;
  }
  show();

  // drag along an axis of the parallel coordinates to keep a range; click on it to drop that
  study.querySelectorAll(".parallel .axis").forEach((axis, number) => {
    const hold = axis.querySelector(".hold");
    const height = (event) => new DOMPoint(0, event.clientY).matrixTransform(hold.getScreenCTM().inverse()).y;
    hold.onpointerdown = (event) => {
      if (event.pointerType === "touch") return; // it scrolls
      event.preventDefault();
      hold.setPointerCapture(event.pointerId);
      axis.querySelector(".range")?.remove();
      ranges.delete(number);
      const range = hold.cloneNode();
      range.setAttribute("class", "range");
      const start = height(event);
      hold.onpointermove = (move) => {
        const ends = [Math.min(start, height(move)), Math.max(start, height(move))];
        if (ends[1] - ends[0] < 3) return;
        range.setAttribute("y", ends[0]);
        range.setAttribute("height", ends[1] - ends[0]);
        axis.append(range);
        ranges.set(number, ends);
        show();
      };
      hold.onpointerup = () => { hold.onpointermove = null; };
      show();
    };
  });

  let pointed;
  function point(trial, event) {
    if (trial !== pointed) {
      for (const mark of marks) mark.classList.toggle("on", trial !== undefined && mark.dataset.trial === trial);
      pointed = trial;
      tip.hidden = true;
    }
    const row = rows.get(trial);
    if (!row || !event.target.closest("svg")) return;
    if (tip.hidden) {
      const facts = names.flatMap((name, column) =>
        column && text(row, column) !== "-"
          ? [element("dt", { textContent: name }), element("dd", { textContent: text(row, column) })] : []);
      const list = element("dl");
      list.append(...facts);
      tip.replaceChildren(element("b", { textContent: `trial ${trial}` }), list);
      tip.hidden = false;
    }
    const right = event.clientX + 16 + tip.offsetWidth < innerWidth;
    tip.style.left = `${Math.max(4, right ? event.clientX + 16 : event.clientX - 16 - tip.offsetWidth)}px`;
    tip.style.top = `${Math.max(4, Math.min(event.clientY + 12, innerHeight - tip.offsetHeight - 4))}px`;
  }
  study.addEventListener("pointermove", (event) => point(trialAt(event), event));
  study.addEventListener("pointerleave", (event) => point(undefined, event));
  addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
}

// Lines are thin: what is near counts, too.
function trialAt(event) {
  const around = event.target.closest("svg") ? [1, 2, 3, 4, 5] : [];
  const near = around.flatMap((far) => [[0, -far], [0, far], [-far, 0], [far, 0]]);
  for (const [x, y] of [[0, 0], ...near]) {
    for (const there of document.elementsFromPoint(event.clientX + x, event.clientY + y)) {
      const found = there.closest("[data-trial]:not(.out)");
      if (found) return found.dataset.trial;
    }
  }
}

// A word of the filter: a comparison with a column, or a part of what a row says.
function test(word, names) {
  const [, name, sign, wanted] = word.match(/^(.+?)(>=|<=|>|<|=)(.+)$/) ?? [];
  const column = names.findIndex((one) => one.toLowerCase() === name?.toLowerCase());
  if (column < 0) return (row) => row.textContent.toLowerCase().includes(word.toLowerCase());
  return (row) => {
    const order = compare(text(row, column), wanted, 1);
    const known = text(row, column) !== "-";
    return known && { ">=": order >= 0, "<=": order <= 0, ">": order > 0, "<": order < 0, "=": order === 0 }[sign];
  };
}

// Numbers by size, words by letters; what is not there comes last, whichever way.
function compare(a, b, sign) {
  if ((a === "-") !== (b === "-")) return a === "-" ? 1 : -1;
  return sign * (a - b || (a == b ? 0 : isNaN(a - b) ? a.toLowerCase().localeCompare(b.toLowerCase()) : 0));
}

function text(row, column) {
  return row.cells[column].textContent;
}

function element(name, properties = {}) {
  return Object.assign(document.createElement(name), properties);
}
