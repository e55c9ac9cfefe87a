// A deck: transport, lanes on one time axis, cursor, loop and zoom.

const ICONS = {
  play: '<path d="M7 4.5v15l12.5-7.5z"/>',
  pause: '<path d="M6 4.5h4.2v15H6zM13.8 4.5H18v15h-4.2z"/>',
  loop: '<path d="M7 7h8V3.8L20.2 8 15 12.2V9H7v5H5V9a2 2 0 0 1 2-2zm10 10H9v3.2L3.8 16 9 11.8V15h8v-5h2v5a2 2 0 0 1-2 2z"/>',
  closer: '<path d="M10.5 3a7.5 7.5 0 1 0 4.6 13.4l4.7 4.7 1.4-1.4-4.7-4.7A7.5 7.5 0 0 0 10.5 3zm0 2a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM9.6 7.5v2.1H7.5v1.8h2.1v2.1h1.8v-2.1h2.1V9.6h-2.1V7.5z"/>',
  wider: '<path d="M10.5 3a7.5 7.5 0 1 0 4.6 13.4l4.7 4.7 1.4-1.4-4.7-4.7A7.5 7.5 0 0 0 10.5 3zm0 2a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM7.5 9.6v1.8h6V9.6z"/>',
};
const icon = (name) => `<svg viewBox="0 0 24 24" aria-hidden="true">${ICONS[name]}</svg>`;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "html") made.innerHTML = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

function say(text) {
  document.getElementById("status").textContent = text;
}

class Deck {
  static all = [];
  static current = null;

  constructor(content) {
    Object.assign(this, content);
    this.tracks.forEach((track, k) => {
      Object.assign(track, { colour: k - this.tracks.slice(0, k).filter((t) => t.original).length });
      Object.assign(track, { outline: bytesOf(track.peaks), solo: false, volume: 1 });
      if (track.activity) track.activity.frames = bytesOf(track.activity.values);
    });
    const labels = [...new Set(this.panels.flatMap((panel) => panel.labels ?? []))];  // one colour in all panels
    this.panels.forEach((panel) => preparePanel(panel, labels));
    this.parts = this.tracks.filter((track) => !track.original);
    this.listensToOriginal = this.parts.length === 0;
    this.view = { start: 0, end: this.duration_s };
    this.transport = new Transport(this.tracks.map((track) => track.audio), this.duration_s);
    this.transport.onend = (clipEnded) => this.ended(clipEnded);
    this.build();
    this.updateGains();
    Deck.all.push(this);
  }

  build() {
    const label = this.name || "player";
    this.playButton = element("button", {
      class: "play", type: "button", "aria-label": `Play ${label}`, html: icon("play"), onclick: () => this.toggle(),
    });
    this.readout = element("output", { class: "readout", "aria-hidden": "true" });
    this.loopButton = element("button", {
      type: "button", class: "tool", title: "Loop (L): drag over a waveform first", "aria-label": "Loop the selected stretch",
      "aria-pressed": "false", html: icon("loop"), onclick: () => this.setLoop(null),
    });
    const zoom = (name, title, factor) => element("button", {
      type: "button", class: "tool", title, "aria-label": title, html: icon(name), onclick: () => this.zoom(factor),
    });
    const original = this.tracks.some((track) => track.original) && this.parts.length > 0;
    this.originalButton = original && element("button", {
      type: "button", class: "compare", "aria-pressed": "false", title: "Hear the original instead (O)",
      onclick: () => this.setOriginal(!this.listensToOriginal),
    }, "Original");
    const bar = element("div", { class: "transport" },
      this.tracks.length ? this.playButton : null, this.readout, this.originalButton || null,
      element("span", { class: "gap" }), this.tracks.length ? this.loopButton : null,
      zoom("wider", "Zoom out (−)", 2), zoom("closer", "Zoom in (+)", 0.5));
    this.ruler = element("canvas", {
      class: "ruler", role: "slider", tabindex: "0", "aria-label": `Position in ${label}`, "aria-valuemin": "0",
      "aria-valuemax": this.duration_s.toFixed(1),
    });
    this.cursor = element("div", { class: "cursor" });
    this.lanes = element("div", { class: "lanes" }, lane("ruler", element("div", { class: "head" }), this.ruler),
      ...this.tracks.map((track) => this.trackLane(track)), ...this.panels.flatMap((panel) => this.panelLanes(panel)),
      element("div", { class: "overlay", "aria-hidden": "true" }, this.cursor));
    this.message = element("p", { class: "message", role: "alert" });
    this.root = element("div", { class: "deck", role: "group", "aria-label": label },
      this.name ? element("h3", {}, this.name) : null, bar, this.message, this.lanes);
    this.root.addEventListener("pointerdown", () => { Deck.current = this; });
    this.root.addEventListener("focusin", () => { Deck.current = this; });
    for (const canvas of this.lanes.querySelectorAll("canvas")) this.listen(canvas);
    new ResizeObserver(() => this.draw()).observe(this.lanes);
  }

  trackLane(track) {
    const canvas = element("canvas", { class: "wave", role: "img", "aria-label": `Waveform of ${track.name}` });
    const alone = this.parts.length < 2 || track.original;
    track.meter = element("span", { class: "meter", "aria-hidden": "true" });
    track.soloButton = alone ? null : element("button", {
      type: "button", class: "solo", title: `Solo (${this.parts.indexOf(track) + 1})`, "aria-label": `Solo ${track.name}`, "aria-pressed": "false",
      onclick: (event) => this.setSolo(track, !track.solo, event.shiftKey),
    }, "S");
    track.muteButton = alone ? null : element("button", {
      type: "button", class: "mute", title: "Mute", "aria-label": `Mute ${track.name}`, "aria-pressed": "false",
      onclick: () => this.setMuted(track, !track.muted),
    }, "M");
    const volume = element("input", {
      type: "range", min: "0", max: "1.5", step: "0.01", value: "1", "aria-label": `Volume of ${track.name}`,
      title: "Volume; double-click for 100 %",
    });
    volume.addEventListener("input", () => { track.volume = Number(volume.value); this.updateGains(); });
    volume.addEventListener("dblclick", () => { volume.value = "1"; track.volume = 1; this.updateGains(); });
    const head = element("div", { class: "head" },
      element("div", { class: "line" }, element("span", { class: "name", title: track.name }, track.name), track.muteButton, track.soloButton),
      element("div", { class: "line" }, volume), track.meter);
    head.style.setProperty("--colour", track.original ? "var(--ink)" : `var(--track-${track.colour % TRACK_COLOURS})`);
    track.canvas = canvas;
    track.lane = lane("track", head, canvas);
    return track.lane;
  }

  panelLanes(panel) {
    const description = { ribbons: "Activity of each label over time", pitch: "Pitch over time", matrix: "Distances" }[panel.kind];
    const canvas = element("canvas", { class: panel.kind, role: "img", "aria-label": `${description}: ${panel.name}` });
    const head = element("div", { class: "head" });
    if (panel.kind === "ribbons") {
      canvas.style.height = `${panel.labels.length * 26}px`;
      panel.labels.forEach((label) => head.append(element("div", { class: "label", title: label }, label)));
    } else {
      head.append(element("span", { class: "name" }, panel.name));
      if (panel.row_name) head.append(element("span", { class: "axis" }, `↑ ${panel.row_name}`));
      if (panel.kind === "matrix") head.append(element("span", { class: "axis" }, "fuller colour: more alike"));
    }
    panel.canvas = canvas;
    const heading = panel.kind === "ribbons" ? element("div", { class: "heading" }, panel.name) : null;
    return [heading, lane(`panel ${panel.kind}`, head, canvas)].filter((one) => one !== null);
  }

  // Click seeks, drag selects a loop; pointing at a ribbon tells its value.
  listen(canvas) {
    const timeAt = (event) => {
      const box = canvas.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      return Math.min(this.duration_s, Math.max(0, this.view.start + share * (this.view.end - this.view.start)));
    };
    let pressed = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      pressed = { x: event.clientX, time: timeAt(event) };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (pressed && Math.abs(event.clientX - pressed.x) > 6) {
        const [start, end] = [pressed.time, timeAt(event)].sort((a, b) => a - b);
        this.transport.loop = end > start ? { start, end } : null;
        this.draw();
      }
      this.hint(canvas, event, timeAt(event));
    });
    canvas.addEventListener("pointerup", (event) => {
      if (!pressed) return;
      const dragged = Math.abs(event.clientX - pressed.x) > 6;
      pressed = null;
      if (dragged) this.setLoop(this.transport.loop);
      else this.seek(timeAt(event));
    });
    canvas.addEventListener("pointerleave", () => { document.getElementById("hint").hidden = true; });
  }

  hint(canvas, event, timeS) {
    const panel = this.panels.find((one) => one.canvas === canvas);
    let text = clockText(timeS, 2);
    if (panel?.kind === "ribbons") {
      const row = Math.min(panel.labels.length - 1, Math.max(0, Math.floor((event.offsetY / canvas.clientHeight) * panel.labels.length)));
      const frame = Math.floor((timeS - panel.start_s) / panel.hop_s);
      const value = panel.frames[row * panel.n_frames + frame];
      if (value !== undefined) text += `  ${panel.labels[row]}  ${value === 255 ? "unknown" : (value / 254).toFixed(2)}`;
    } else if (panel?.kind === "pitch") {
      const midi = panel.range.high - (event.offsetY / canvas.clientHeight) * (panel.range.high - panel.range.low);
      text += `  ${noteName(midi)}`;
      const under = panel.notes.find(([onset, duration, pitch]) => timeS >= onset && timeS < onset + duration && Math.abs(pitch - midi) < 1);
      if (under?.[3]) text += `  ${under[3]}`;
    }
    const box = document.getElementById("hint");
    box.hidden = false;
    box.textContent = text;
    box.style.left = `${Math.min(event.clientX + 12, window.innerWidth - box.offsetWidth - 8)}px`;
    box.style.top = `${event.clientY + 14}px`;
  }

  async play(from = undefined, until = null) {
    if (!this.tracks.length) return;
    for (const deck of Deck.all) if (deck !== this && deck.transport.playing) deck.pause();
    Deck.current = this;
    this.root.classList.add("loading");
    try {
      await this.transport.play(from, until);
      this.message.textContent = "";
    } catch (error) {
      this.message.textContent = `This browser cannot decode the sound of this page (${error.name}); ` +
        "use a newer one, or make the page with --codec mp3.";
    }
    this.root.classList.remove("loading");
    this.showState();
  }

  pause() {
    this.transport.pause();
    this.showState();
    this.showPosition(true);
  }

  toggle() {
    return this.transport.playing ? this.pause() : this.play();
  }

  async seek(timeS) {
    Deck.current = this;
    await this.transport.seek(timeS);
    this.showPosition(true);
  }

  ended(clipEnded) {
    this.showState();
    this.showPosition(true);
    if (clipEnded) this.clipDone?.();
  }

  // Resolves when the clip has been played to its end; never if something else is played meanwhile.
  playClip(start, end) {
    return new Promise((resolve) => {
      this.clipDone = resolve;
      this.show(start, end);
      this.play(start, Math.min(end, this.duration_s));
    });
  }

  setSolo(track, solo, more = false) {
    if (!more) this.parts.forEach((other) => { other.solo = false; });
    track.solo = solo;
    this.setOriginal(false);
    say(solo ? `solo ${track.name}` : `solo off`);
  }

  setMuted(track, muted) {
    track.muted = muted;
    this.updateGains();
    say(`${track.name} ${muted ? "muted" : "on"}`);
  }

  setOriginal(on) {
    if (this.parts.length) this.listensToOriginal = on;
    if (this.originalButton) this.originalButton.setAttribute("aria-pressed", String(this.listensToOriginal));
    this.updateGains();
  }

  isHeard(track) {
    if (track.original || this.listensToOriginal) return track.original && this.listensToOriginal;
    return this.parts.some((part) => part.solo) ? track.solo : !track.muted;
  }

  updateGains() {
    this.tracks.forEach((track, k) => {
      this.transport.setGain(k, this.isHeard(track) ? track.volume : 0);
      track.lane.classList.toggle("silent", !this.isHeard(track));
      track.soloButton?.setAttribute("aria-pressed", String(track.solo));
      track.muteButton?.setAttribute("aria-pressed", String(track.muted));
    });
  }

  setLoop(loop) {
    this.transport.loop = loop && loop.end - loop.start > 0.05 ? loop : null;
    this.loopButton.setAttribute("aria-pressed", String(this.transport.loop !== null));
    if (this.transport.loop) {
      say(`loop from ${clockText(loop.start)} to ${clockText(loop.end)}`);
      this.seek(this.transport.loop.start);
    } else if (this.transport.playing) this.seek(this.transport.position);
    this.draw();
  }

  zoom(factor) {
    const middle = this.transport.position;
    const width = Math.min(this.duration_s, Math.max(0.5, (this.view.end - this.view.start) * factor));
    const start = Math.min(Math.max(0, middle - width / 2), this.duration_s - width);
    this.view = { start, end: start + width };
    this.draw();
  }

  // Move the view, at its zoom, so that a stretch can be seen.
  show(start, end = start) {
    const width = this.view.end - this.view.start;
    if (start >= this.view.start && end <= this.view.end) return;
    const from = Math.min(Math.max(0, start - 0.1 * width), this.duration_s - width);
    this.view = { start: from, end: from + width };
    this.draw();
  }

  draw() {
    if (!this.root.isConnected || !this.lanes.clientWidth) return;
    const colours = theme();
    drawRuler(this.ruler, this.view, colours, this.transport.loop);
    for (const track of this.tracks) drawWave(track.canvas, this.view, colours, track, this.duration_s, this.regions);
    for (const panel of this.panels) DRAW[panel.kind](panel.canvas, this.view, colours, panel);
    this.showPosition(true);
  }

  showState() {
    const playing = this.transport.playing;
    this.playButton.innerHTML = icon(playing ? "pause" : "play");
    this.playButton.setAttribute("aria-label", `${playing ? "Pause" : "Play"} ${this.name || "player"}`);
    this.root.classList.toggle("playing", playing);
  }

  showPosition(always = false) {
    const { playing, position } = this.transport;
    if (!playing && !always) return;
    if (playing && (position > this.view.end || position < this.view.start)) this.show(position);
    const share = (position - this.view.start) / (this.view.end - this.view.start);
    this.cursor.style.left = `${100 * share}%`;
    this.cursor.hidden = !this.tracks.length || share < 0 || share > 1;
    this.readout.textContent = `${clockText(position)} / ${clockText(this.duration_s)}`;
    this.ruler.setAttribute("aria-valuenow", position.toFixed(1));
    this.ruler.setAttribute("aria-valuetext", `${clockText(position)} of ${clockText(this.duration_s)}`);
    this.tracks.forEach((track, k) => {
      const level = Math.min(1, Math.max(0, 1 + Math.log10(this.transport.level(k) + 1e-6) / 2.5));
      track.meter.style.transform = `scaleX(${level.toFixed(3)})`;
    });
  }
}

function lane(kind, head, canvas) {
  return element("div", { class: `lane ${kind}` }, head, canvas);
}

function preparePanel(panel, labels) {
  if (panel.kind === "ribbons") {
    panel.frames = bytesOf(panel.values);
    panel.colours = panel.labels.map((label) => labels.indexOf(label));
  }
  if (panel.kind === "matrix") panel.cells = bytesOf(panel.values);
  if (panel.kind === "pitch") {
    // All notes, and the contour but for its few strays, such as octave slips at the edges of notes.
    const heard = panel.pitch_midi.filter((midi) => midi !== null).sort((a, b) => a - b);
    const written = panel.notes.map((note) => note[2]);
    const inner = heard.length ? [heard[Math.floor(0.01 * heard.length)], heard[Math.ceil(0.99 * (heard.length - 1))]] : [];
    const shown = [...written, ...inner];
    panel.range = { low: Math.floor(Math.min(...shown, 200)) - 2, high: Math.ceil(Math.max(...shown, 0)) + 2 };
    if (!shown.length) panel.range = { low: 58, high: 62 };
  }
}
