"use strict";
// Tables that sort by a click on a head or by its key, blanks last; a second press turns the order round.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const number = /^[+\u2212-]?(\d|inf)/;
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim().replace(/\u2212/g, "-").replace(/^([+-]?)inf.*/, "$1Infinity");
    return { text, number: parseFloat(text) };
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].map((row) => ({ row, key: value(row, column) }));
      const told = rows.filter(({ key }) => key.text !== "" && key.text !== "nan");
      const blank = rows.filter(({ key }) => key.text === "" || key.text === "nan");
      const numeric = told.every(({ row }) => number.test(row.cells[column].textContent.trim()));
      const order = numeric
        ? (one, other) => (one.key.number === other.key.number ? 0 : one.key.number - other.key.number)
        : (one, other) => one.key.text.localeCompare(other.key.text, "en", { numeric: true });
      told.sort((one, other) => (down ? -1 : 1) * order(one, other));
      body.append(...[...told, ...blank].map(({ row }) => row));
    });
  });
}
// The same seeds of two runs, along an option.
for (const comparer of document.querySelectorAll(".comparer")) {
  const tracks = JSON.parse(comparer.dataset.tracks);
  const find = (selector) => comparer.querySelector(selector);
  const [which, along, times, output, blend] = [".which", ".along", ".times", "output", ".blend"].map(find);
  const show = () => {
    const [value, left, right] = tracks[which.value].stops[along.value];
    output.textContent = value;
    along.setAttribute("aria-valuetext", `${tracks[which.value].along} ${value}`);
    [[".left", left, 0], [".right", right, 1]].forEach(([side, id, place]) => {
      const source = document.getElementById(id);
      const image = find(`${side} img`);
      for (const each of [image, blend.children[place]]) {
        each.src = source.src;
        each.width = source.width;
        each.height = source.height;
      }
      image.alt = source.alt;
      find(`${side} figcaption`).textContent = source.closest("figure").querySelector("figcaption").textContent;
    });
  };
  const choose = () => {
    const track = tracks[which.value];
    along.max = String(track.stops.length - 1);
    along.value = "0";
    along.disabled = track.stops.length < 2;
    find(".name").textContent = track.along;
    show();
  };
  which.addEventListener("change", choose);
  along.addEventListener("input", show);
  times.addEventListener("change", () => { blend.className = `blend times-${times.value}`; });
  which.value = "0";
  times.value = "4";
  choose();
  comparer.hidden = false;
}
// A command to the clipboard; where that is refused it is marked, to be copied by hand.
for (const command of document.querySelectorAll(".command")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    const code = command.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Marked";
    }
  });
  command.append(button);
}
