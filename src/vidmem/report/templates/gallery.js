// Filters of the gallery. Without scripts the page shows everything and no filters.
(function () {
  "use strict";
  var form = document.getElementById("filters");
  if (!form) return;
  var cards = Array.from(document.querySelectorAll("#cards .card"));
  var model = document.getElementById("f-model");
  var kind = document.getElementById("f-kind");
  var text = document.getElementById("f-text");
  var count = document.getElementById("f-count");
  var none = document.getElementById("f-none");
  function apply() {
    var words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    var shown = 0;
    cards.forEach(function (card) {
      var hay = card.dataset.text.toLowerCase();
      var fits = (!model.value || card.dataset.model === model.value) &&
        (!kind.value || card.dataset.kinds.split(" ").includes(kind.value)) &&
        words.every(function (word) { return hay.includes(word); });
      card.hidden = !fits;
      if (fits) shown += 1;
    });
    count.textContent = shown + " of " + cards.length + " shown";
    none.hidden = shown > 0;
  }
  form.addEventListener("input", apply);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.hidden = false;
  apply();
})();
