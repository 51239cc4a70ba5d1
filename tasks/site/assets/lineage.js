// Lights the way of a table or column in a drawing that stands in the page already; scrolling is the browser's own.
(() => {
  const view = document.querySelector(".view");
  if (!view) return;
  const scene = view.querySelector(".scene");
  const focus = view.dataset.focus;
  const tools = document.querySelector(".tools");
  const told = document.querySelector(".told");
  const places = new Map([...scene.querySelectorAll("[data-node]")].map((place) => [place.dataset.node, place]));
  const into = new Map();
  const from = new Map();
  for (const wire of scene.querySelectorAll("path")) {
    (into.get(wire.dataset.to) ?? into.set(wire.dataset.to, []).get(wire.dataset.to)).push(wire);
    (from.get(wire.dataset.from) ?? from.set(wire.dataset.from, []).get(wire.dataset.from)).push(wire);
  }

  // Values (or tables) are followed all the way; what a column filters is shown, and ends there.
  const lit = (start, wires, end, kinds) => {
    const seen = new Set([start]);
    for (const at of seen) {
      for (const wire of wires.get(at) ?? []) {
        if (!kinds.includes(wire.getAttribute("class").split(" ")[0])) continue;
        wire.classList.add("on");
        const next = wire.dataset[end];
        if (wire.classList.contains("rows")) places.get(next)?.classList.add("on");
        else seen.add(next);
      }
    }
    return seen;
  };

  const choose = (name) => {
    for (const one of scene.querySelectorAll(".on")) one.classList.remove("on");
    scene.querySelector("[aria-current]")?.removeAttribute("aria-current");
    const place = places.get(name);
    view.classList.toggle("chosen", Boolean(place));
    tools.querySelector("[data-zoom=clear]").hidden = !place;
    told.textContent = "";
    if (!place) return;
    const isColumn = place.classList.contains("column");
    const up = lit(name, into, "from", isColumn ? ["value"] : ["reads"]);
    const down = lit(name, from, "to", isColumn ? ["value", "rows"] : ["reads"]);
    for (const at of [...up, ...down]) {
      const one = places.get(at);
      one?.classList.add("on");
      one?.closest(".box").classList.add("on");
    }
    told.textContent = `${name}: ${up.size - 1} before it, ${down.size - 1} after it in this drawing.`;
    if (isColumn) place.setAttribute("aria-current", "true");
    return place;
  };

  const zoomed = (zoom, x = view.clientWidth / 2, y = view.clientHeight / 2) => {
    const old = Number(getComputedStyle(scene).getPropertyValue("--zoom")) || 1;
    const now = Math.min(2, Math.max(0.2, zoom));
    const [left, top] = [(view.scrollLeft + x) / old, (view.scrollTop + y) / old];
    scene.style.setProperty("--zoom", now);
    view.scrollTo(left * now - x, top * now - y);
  };
  const zoom = () => Number(getComputedStyle(scene).getPropertyValue("--zoom")) || 1;
  const fit = (least) => {
    const [width, height] = [parseFloat(scene.style.width), parseFloat(scene.style.height)];
    const whole = Math.min(1, (view.clientWidth - 2) / width, focus || least < 0.5 ? (view.clientHeight - 2) / height : 1);
    zoomed(Math.max(least, whole));
  };
  const centre = (place) => {
    const [a, b] = [place.getBoundingClientRect(), view.getBoundingClientRect()];
    view.scrollBy(a.x + a.width / 2 - b.x - b.width / 2, a.y + Math.min(a.height, b.height) / 2 - b.y - b.height / 2);
  };

  const follow = () => {
    const wanted = decodeURIComponent(location.hash.slice(1));
    const place = choose(places.has(wanted) ? wanted : focus && `${focus}.${wanted}`);
    const list = wanted && document.getElementById(`of-${wanted}`);
    if (list) list.open = true;
    if (place) {
      const [a, b] = [place.getBoundingClientRect(), view.getBoundingClientRect()];
      if (a.left < b.left || a.right > b.right || a.top < b.top || a.bottom > b.bottom) centre(place);
    }
  };
  // The address changes without a jump to the column: who points at it, or at its list, sees it already.
  const show = (hash) => {
    history.replaceState(null, "", hash || location.pathname);
    follow();
  };

  addEventListener("hashchange", follow);
  addEventListener("keydown", (event) => event.key === "Escape" && show(""));
  tools.addEventListener("click", ({ target }) => {
    const does = target.dataset.zoom;
    if (does === "clear") show("");
    else if (does === "fit") fit(0.2);
    else if (does) zoomed(zoom() * (does === "in" ? 1.25 : 0.8));
  });
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = view.getBoundingClientRect();
    zoomed(zoom() * (event.deltaY < 0 ? 1.1 : 1 / 1.1), event.clientX - box.x, event.clientY - box.y);
  }, { passive: false });
  for (const list of document.querySelectorAll(".way")) {
    list.addEventListener("toggle", () => {
      if (list.open && location.hash !== `#${list.dataset.column}`) show(`#${list.dataset.column}`);
    });
  }
  if (!focus) {
    for (const kind of ["pointerover", "focusin"]) {
      scene.addEventListener(kind, ({ target }) => choose(target.closest?.(".box")?.dataset.node));
    }
    scene.addEventListener("pointerleave", () => choose(""));
  }

  // A mouse drags the drawing; a click that ends a drag chooses nothing.
  let drag = null;
  view.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button === 0) drag = { x: event.clientX, y: event.clientY, moved: 0 };
  });
  addEventListener("pointermove", (event) => {
    if (!drag || !event.buttons) return;
    view.classList.add("dragged");
    view.scrollBy(drag.x - event.clientX, drag.y - event.clientY);
    drag = { x: event.clientX, y: event.clientY, moved: drag.moved + Math.hypot(drag.x - event.clientX, drag.y - event.clientY) };
  });
  addEventListener("click", (event) => {
    const column = event.target.closest(".scene .column");
    const isDrag = drag?.moved > 4 && view.contains(event.target);
    if (isDrag || (column && !event.ctrlKey && !event.metaKey)) event.preventDefault();
    if (column && !isDrag) show(column.hash);
    view.classList.remove("dragged");
    drag = null;
  }, true);
  view.addEventListener("dragstart", (event) => event.preventDefault());

  fit(focus ? 0.8 : 0.7);
  if (focus) centre(places.get(focus));
  follow();
})();
