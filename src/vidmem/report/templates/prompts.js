// Filters and pages of the list of prompts. Without scripts all rows stand there.
(function () {
  "use strict";
  const PAGE = 50;
  const form = document.getElementById("filters"), pager = document.getElementById("pager");
  const text = document.getElementById("f-q"), set = document.getElementById("f-set"), called = document.getElementById("f-called");
  const rows = Array.from(document.querySelectorAll("#prompts tbody tr"), (element) => ({
    element, set: element.dataset.set, called: Number(element.dataset.called), text: element.cells[0].textContent.toLowerCase(),
  }));
  let page = 1;
  function apply() {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = rows.filter((row) => (!set.value || row.set === set.value) && (!called.checked || row.called > 0) &&
      words.every((word) => row.text.includes(word)));
    const pages = Math.max(1, Math.ceil(fitting.length / PAGE));
    page = Math.min(Math.max(page, 1), pages);
    const shown = new Set(fitting.slice((page - 1) * PAGE, page * PAGE));
    rows.forEach((row) => { row.element.hidden = !shown.has(row); });
    document.getElementById("f-count").textContent = fitting.length + " of " + rows.length + " fit";
    pager.hidden = pages < 2;
    pager.querySelector("[data-by='-1']").disabled = page === 1;
    pager.querySelector("[data-by='1']").disabled = page === pages;
    pager.querySelector("span").textContent = "Page " + page + " of " + pages;
  }
  form.addEventListener("input", () => { page = 1; apply(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  pager.addEventListener("click", (event) => {
    const by = Number(event.target.dataset.by);
    if (by) { page += by; apply(); document.getElementById("prompts").scrollIntoView(); }
  });
  form.hidden = false;
  apply();
})();
