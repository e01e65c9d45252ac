"use strict";
// Plays the replays and copies the command. Everything is readable without it.
(() => {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      const range = document.createRange();
      range.selectNodeContents(source);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Selected";  // a page from a file may not write to the clipboard; it is marked, and one key away
      }
    });
  }

  const store = document.getElementById("replays-data");
  const replays = store ? JSON.parse(store.textContent) : [];
  document.querySelectorAll(".replay").forEach((figure, index) => {
    // Figures lie by policy; so do the replays.
    new Player(figure, replays[index]);
  });

  function Player(figure, replay) {
    const scale = replay.size / (2 * replay.reach);
    const x = (metres) => (metres + replay.reach) * scale;
    const y = (metres) => (replay.reach - metres) * scale;
    const last = replay.runs[0].position.length - 1;
    const stages = [...figure.querySelectorAll(".stage")].map((svg, number) => ({
      run: replay.runs[number],
      robots: [...svg.querySelectorAll(".robot")],
      now: [...svg.querySelectorAll(".trail:not(.later)")],
      later: [...svg.querySelectorAll(".later")],
      landmarks: [...svg.querySelectorAll(".landmark")],
      touches: [...svg.querySelectorAll(".touch")],
    }));
    const [play, scrub, time, speed] = [".play", ".scrub", ".time", ".speed"].map((name) => figure.querySelector(name));
    let at = last, playing = false, before = 0;

    const place = (run, robot, frame) => {
      const low = Math.floor(frame), high = Math.min(low + 1, last), part = frame - low;
      const [from, to] = [run.position[low], run.position[high]];
      const mix = (column) => (from[column] + part * (to[column] - from[column])) / 1000;
      return [mix(2 * robot), mix(2 * robot + 1)];
    };
    const path = (run, robot, first, frame) => {
      const points = [];
      for (let each = first; each <= frame; each += 1) {
        const position = run.position[Math.floor(each)];
        points.push(`${x(position[2 * robot] / 1000).toFixed(1)},${y(position[2 * robot + 1] / 1000).toFixed(1)}`);
      }
      const [here, there] = place(run, robot, frame);
      if (frame >= first) points.push(`${x(here).toFixed(1)},${y(there).toFixed(1)}`);
      return points.join(" ");
    };

    function draw() {
      for (const { run, robots, now, later, landmarks, touches } of stages) {
        const places = robots.map((_, robot) => place(run, robot, at));
        robots.forEach((node, robot) => {
          const [here, there] = places[robot];
          node.setAttribute("transform", `translate(${x(here).toFixed(1)} ${y(there).toFixed(1)})`);
          const faulty = run.faults.some(([who, , first, final]) => who === robot && at >= first && at <= final);
          node.firstChild.classList.toggle("faulty", faulty || (at === last && run.faults.some(([who]) => who === robot)));
          now[robot].setAttribute("points", path(run, robot, 0, Math.min(at, replay.during)));
          later[robot].setAttribute("points", path(run, robot, replay.during, at));
        });
        landmarks.forEach((node, index) => {
          const [lx, ly] = replay.landmarks[index];
          node.classList.toggle("covered", places.some(([px, py]) => Math.hypot(px - lx, py - ly) < replay.capture));
        });
        for (const node of touches) {
          // A touch is in sight while it lasts and for half a second, or at the end, where all of the mission is in sight.
          const until = Number(node.dataset.last) + 0.5 / replay.frame;
          node.toggleAttribute("visibility", false);
          node.setAttribute("visibility", at === last || (at >= Number(node.dataset.first) && at <= until) ? "visible" : "hidden");
        }
      }
      scrub.value = Math.round(at);
      const phase = at > replay.during ? "after the disturbance" : "disturbed";
      time.textContent = `${(at * replay.frame).toFixed(1)} s, ${phase}`;
    }

    function stop() {
      playing = false;
      play.textContent = "Play";
    }

    function step(moment) {
      if (!playing) return;
      // The first frame may be stamped before the click; and a page that was out of sight goes on where it was.
      const seconds = Math.min(Math.max(moment - before, 0), 1000) / 1000;
      at = Math.min(last, at + seconds * Number(speed.value) / replay.frame);
      before = moment;
      draw();
      if (at >= last) stop();
      else requestAnimationFrame(step);
    }

    play.addEventListener("click", () => {
      if (playing) return stop();
      if (at >= last) at = 0;
      if (calm) {
        // No motion that nobody asked for: a step at a time.
        at = Math.min(last, Math.floor(at) + Math.max(1, Math.round(0.2 / replay.frame)));
        return draw();
      }
      playing = true;
      play.textContent = "Pause";
      before = performance.now();
      draw();
      requestAnimationFrame(step);
    });
    if (calm) play.textContent = "Step";
    scrub.addEventListener("input", () => {
      stop();
      if (calm) play.textContent = "Step";
      at = Number(scrub.value);
      draw();
    });
    figure.querySelector(".controls").hidden = false;
    draw();
  }
})();
