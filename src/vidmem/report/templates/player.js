// The player of a finding. Both sides are one film, so they can't fall out of step; the line of the similarity plot
// follows it. Without scripts the browser's own controls are there instead.
const players = (function () {
  "use strict";
  const built = new WeakMap();
  const near = "IntersectionObserver" in window
    ? new IntersectionObserver((seen) => seen.filter((s) => s.isIntersecting).forEach((s) => load(s.target)), { rootMargin: "400px" })
    : null;

  function load(figure) {
    if (near) near.unobserve(figure);
    figure.querySelector("video").preload = "auto";
  }

  function button(text, label, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    return made;
  }

  function build(figure) {
    const video = figure.querySelector("video");
    const fps = Number(video.dataset.fps), frames = Number(video.dataset.frames), start = Number(video.dataset.start);
    const line = figure.querySelector(".cursor"), plot = figure.querySelector(".likeness");
    const bar = document.createElement("div");
    const frame = document.createElement("input");
    const speed = document.createElement("select");
    const now = () => Math.min(Math.floor(video.currentTime * fps + 1e-3), frames - 1);
    const seek = (number) => { load(figure); video.currentTime = (Math.max(0, Math.min(frames - 1, number)) + 0.5) / fps; };
    const step = (by) => { video.pause(); seek((now() + by + frames) % frames); };
    const toggle = () => { load(figure); if (video.paused) video.play().catch(() => undefined); else video.pause(); };
    const play = button("Play", "Play both in step", toggle);

    function draw() {
      const number = now(), share = frames > 1 ? number / (frames - 1) : 0;
      frame.value = String(number);
      frame.setAttribute("aria-valuetext", "second " + (start + number / fps).toFixed(2) + " of the generated video");
      if (line) line.setAttribute("transform", "translate(" + (share * 240).toFixed(1) + ")");
    }
    function follow() { draw(); if (!video.paused) requestAnimationFrame(follow); }
    function said() {
      play.textContent = video.paused ? "Play" : "Pause";
      play.setAttribute("aria-label", video.paused ? "Play both in step" : "Pause both");
      follow();
    }

    Object.assign(frame, { type: "range", min: "0", max: String(frames - 1), step: "1", value: "0" });
    frame.setAttribute("aria-label", "Frame");
    frame.addEventListener("input", () => { video.pause(); seek(Number(frame.value)); });
    [["1", "full speed"], ["0.5", "half speed"], ["0.25", "quarter speed"]].forEach(([value, words]) => speed.add(new Option(words, value)));
    speed.setAttribute("aria-label", "Speed");
    speed.addEventListener("change", () => { video.playbackRate = Number(speed.value); });
    ["play", "pause"].forEach((name) => video.addEventListener(name, said));
    ["seeked", "timeupdate", "loadeddata"].forEach((name) => video.addEventListener(name, draw));
    video.addEventListener("click", toggle);
    video.addEventListener("error", () => { figure.classList.add("broken"); });
    if (plot) plot.addEventListener("click", (event) => {
      const box = plot.getBoundingClientRect();
      video.pause();
      seek(Math.round((event.clientX - box.left) / box.width * (frames - 1)));
    });
    video.removeAttribute("controls");
    bar.className = "controls";
    bar.append(play, button("‹", "One frame back", () => step(-1)), button("›", "One frame on", () => step(1)), frame, speed);
    figure.querySelector(".screen").append(bar);
    if (near) near.observe(figure); else load(figure);
    const made = { video, toggle, step };
    built.set(figure, made);
    draw();
    return made;
  }

  const of = (card) => Array.from(card.querySelectorAll(".player"), (figure) => built.get(figure) || build(figure));
  return { of, pause: (card) => card.querySelectorAll("video").forEach((video) => video.pause()) };
})();
