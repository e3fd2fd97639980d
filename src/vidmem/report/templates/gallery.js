// Filters, order and pages of the gallery, its keys, and its state in the address. Without scripts the page shows
// everything and no filters.
(function () {
  "use strict";
  const form = document.getElementById("filters");
  if (!form) return;
  const list = document.getElementById("cards"), pager = document.getElementById("pager");
  const PAGE = Number(list.dataset.page);
  const count = document.getElementById("f-count"), none = document.getElementById("f-none"), all = document.getElementById("f-play");
  const fields = {};
  ["model", "kind", "set", "min", "max", "q", "sort"].forEach((name) => { fields[name] = document.getElementById("f-" + name); });
  const cards = Array.from(list.children, (node, rank) => ({
    node, rank, id: node.dataset.id || node.id, model: node.dataset.model, kinds: node.dataset.kinds.split(" "),
    set: node.dataset.set, scores: node.dataset.scores.split(" ").filter(Boolean).map((pair) => pair.split(":")),
    text: node.dataset.text.toLowerCase(),
  }));
  const orders = { "": (a, b) => a.rank - b.rank, least: (a, b) => b.rank - a.rank, model: (a, b) => a.model.localeCompare(b.model) || a.rank - b.rank };
  let page = 1, current = "", fitting = cards, shown = [], sorted = "";

  function inRange(card) {
    const low = fields.min.value === "" ? -Infinity : Number(fields.min.value);
    const high = fields.max.value === "" ? Infinity : Number(fields.max.value);
    if (low === -Infinity && high === Infinity) return true;
    return card.scores.some(([kind, score]) => (!fields.kind.value || kind === fields.kind.value) && Number(score) >= low && Number(score) <= high);
  }
  function fits(card) {
    return (!fields.model.value || card.model === fields.model.value) &&
      (!fields.kind.value || card.kinds.includes(fields.kind.value)) &&
      (!fields.set.value || card.set === fields.set.value) && inRange(card) &&
      fields.q.value.toLowerCase().split(/\s+/).filter(Boolean).every((word) => card.text.includes(word));
  }

  // The card as an element. Those of later pages are text in a noscript until they are asked for; a parser runs nothing.
  function made(card) {
    if (card.node.localName === "noscript") {
      const parsed = new DOMParser().parseFromString(card.node.textContent, "text/html").querySelector("article");
      card.node.replaceWith(parsed);
      card.node = parsed;
    }
    return card.node;
  }

  function apply() {
    fitting = cards.filter(fits).sort(orders[fields.sort.value] || orders[""]);
    const pages = Math.max(1, Math.ceil(fitting.length / PAGE));
    page = Math.min(Math.max(page, 1), pages);
    if (sorted !== fields.sort.value) {
      list.append(...cards.slice().sort(orders[fields.sort.value] || orders[""]).map((card) => card.node));
      sorted = fields.sort.value;
    }
    shown = fitting.slice((page - 1) * PAGE, page * PAGE);
    const visible = new Set(shown);
    cards.forEach((card) => {
      if (!visible.has(card) && !card.node.hidden) players.pause(card.node);
      card.node.hidden = !visible.has(card);
    });
    shown.forEach((card) => { made(card).hidden = false; players.of(card.node); watch(card.node); });
    count.textContent = fitting.length + " of " + cards.length + (pages > 1 ? " fit, page " + page + " of " + pages : " shown");
    none.hidden = fitting.length > 0;
    pager.hidden = pages < 2;
    pager.querySelector("[data-by='-1']").disabled = page === 1;
    pager.querySelector("[data-by='1']").disabled = page === pages;
    pager.querySelector("span").textContent = "Page " + page + " of " + pages;
  }

  function address() {
    const parts = [current || "findings"];
    Object.entries(fields).forEach(([name, field]) => { if (field.value) parts.push(name + "=" + encodeURIComponent(field.value)); });
    if (page > 1) parts.push("page=" + page);
    return "#" + parts.join("&");
  }
  function write() { history.replaceState(null, "", address()); }

  function read() {
    const [anchor, ...rest] = location.hash.slice(1).split("&");
    if (anchor !== "findings" && !anchor.startsWith("finding-")) return;
    const given = new URLSearchParams(rest.join("&"));
    Object.entries(fields).forEach(([name, field]) => { field.value = given.get(name) || ""; });
    fields.sort.value = fields.sort.value || "";
    page = Number(given.get("page")) || 1;
    current = anchor === "findings" ? "" : anchor;
    const card = cards.find((c) => c.id === anchor);
    if (card) {
      if (!fits(card)) Object.values(fields).forEach((field) => { field.value = ""; });
      page = Math.floor(cards.filter(fits).sort(orders[fields.sort.value] || orders[""]).indexOf(card) / PAGE) + 1;
    }
    apply();
    // a link is followed at once: what is rolled past on a long way would be loaded, and the reader left waiting
    if (card) go(card.node, "instant"); else if (rest.length) document.getElementById("findings").scrollIntoView({ behavior: "instant" });
  }

  function go(element, behavior) {
    element.scrollIntoView({ block: "start", behavior: behavior || "auto" });
    element.focus({ preventScroll: true });
  }
  function move(by) {
    const at = fitting.findIndex((card) => card.id === current) + by;
    if (at < 0 || at >= fitting.length) return;
    turn(Math.floor(at / PAGE) + 1);
    go(fitting[at].node);
  }
  function turn(to) { if (to !== page) { page = to; apply(); } }

  const keys = { ArrowDown: (c) => move(1), j: (c) => move(1), ArrowUp: (c) => move(-1), k: (c) => move(-1),
    ArrowLeft: (c) => players.of(c).forEach((p) => p.step(-1)), ArrowRight: (c) => players.of(c).forEach((p) => p.step(1)),
    Enter: (c) => players.of(c).forEach((p) => p.toggle()), " ": (c) => players.of(c).forEach((p) => p.toggle()) };
  list.addEventListener("keydown", (event) => {
    // keys of a card work while the card itself has the focus, so that they take none from what stands in it
    if (!event.target.classList.contains("card") || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key](event.target);
  });
  list.addEventListener("focusin", (event) => {
    const card = event.target.closest(".card");
    if (card && card.id !== current) { current = card.id; write(); }
  });
  list.addEventListener("click", (event) => {
    const link = event.target.closest("a.permalink");
    if (!link) return;
    event.preventDefault();
    current = link.closest(".card").id;
    write();
    go(link.closest(".card"));
  });

  const seen = "IntersectionObserver" in window ? new IntersectionObserver((entries) => entries.forEach((entry) => {
    const video = entry.target;
    video.dataset.seen = entry.isIntersecting ? "1" : "";
    if (all.checked) { if (entry.isIntersecting) video.play().catch(() => undefined); else video.pause(); }
  }), { threshold: 0.6 }) : null;
  function watch(card) { if (seen) card.querySelectorAll("video").forEach((video) => seen.observe(video)); }
  all.addEventListener("change", () => list.querySelectorAll("video").forEach((video) => {
    if (all.checked && video.dataset.seen) { video.preload = "auto"; video.play().catch(() => undefined); } else video.pause();
  }));

  form.addEventListener("input", (event) => {
    if (event.target === all) return;
    page = 1;
    current = "";
    apply();
    write();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => { page = 1; current = ""; apply(); write(); }));
  pager.addEventListener("click", (event) => {
    const by = Number(event.target.dataset.by);
    if (!by) return;
    current = "";
    turn(page + by);
    write();
    document.getElementById("findings").scrollIntoView();
    if (shown[0]) shown[0].node.focus({ preventScroll: true });
  });
  window.addEventListener("hashchange", read);
  let opened = [];
  window.addEventListener("beforeprint", () => {  // on paper all that fits the filters is there, frames in place of films
    fitting.forEach((card) => { made(card).hidden = false; });
    opened = Array.from(document.querySelectorAll("#cards .frames:not([open])"));
    opened.forEach((details) => { details.open = true; });
  });
  window.addEventListener("afterprint", () => { opened.forEach((details) => { details.open = false; }); apply(); });

  form.hidden = false;
  apply();
  read();
})();
