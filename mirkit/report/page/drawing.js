// Drawing: every picture has the deck's time axis, `view`, from `start` to `end` seconds.

const TRACK_COLOURS = 8;

function theme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: colour("ink"), soft: colour("soft"), line: colour("line"), accent: colour("accent"),
    good: colour("good"), bad: colour("bad"), card: colour("card"), well: colour("well"),
    track: (k) => colour(`track-${k % TRACK_COLOURS}`),
    font: `11px ${style.getPropertyValue("--font")}`,
  };
}

// Fit a canvas to its box at the screen's own resolution; drawing is in CSS pixels.
function canvasOf(canvas) {
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const g = canvas.getContext("2d");
  g.scale(scale, scale);
  return { g, width, height };
}

const xOf = (timeS, view, width) => ((timeS - view.start) / (view.end - view.start)) * width;

function clockText(timeS, digits = 1) {
  const rounded = Number(timeS.toFixed(digits));
  const minutes = Math.floor(rounded / 60);
  const seconds = (rounded - 60 * minutes).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return `${minutes}:${seconds}`;
}

function drawRuler(canvas, view, colours, loop) {
  const { g, width, height } = canvasOf(canvas);
  const wanted = (view.end - view.start) / Math.max(2, width / 90);
  const step = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600].find((s) => s >= wanted) ?? 1200;
  if (loop) {
    g.fillStyle = colours.accent;
    g.globalAlpha = 0.25;
    g.fillRect(xOf(loop.start, view, width), 0, xOf(loop.end, view, width) - xOf(loop.start, view, width), height);
    g.globalAlpha = 1;
  }
  g.font = colours.font;
  g.fillStyle = colours.soft;
  g.textBaseline = "middle";
  for (let k = Math.ceil(view.start / step); k * step <= view.end; k++) {
    const x = xOf(k * step, view, width);
    g.fillRect(Math.round(x), height - 5, 1, 5);
    if (x < width - 30) g.fillText(clockText(k * step, step < 1 ? (step < 0.1 ? 2 : 1) : 0), x + 4, height / 2);
  }
}

function drawWave(canvas, view, colours, track, durationS, regions) {
  const { g, width, height } = canvasOf(canvas);
  for (const region of regions) {
    const from = xOf(region.start_s, view, width), to = xOf(region.end_s, view, width);
    g.fillStyle = region.good ? colours.good : colours.bad;
    g.globalAlpha = 0.18;
    g.fillRect(from, 0, Math.max(2, to - from), height);
    g.globalAlpha = 1;
    g.fillRect(from, 0, Math.max(2, to - from), 3);
  }
  g.fillStyle = track.original ? colours.ink : colours.track(track.colour);
  const strip = track.activity ? 5 : 0;
  const middle = (height - strip) / 2;
  const peaks = track.outline, rate = peaks.length / durationS;
  const bar = 3, gap = 1;  // bars, not a filled line: easier to see in both themes
  for (let x = 0; x < width; x += bar) {
    const first = Math.floor((view.start + (x / width) * (view.end - view.start)) * rate);
    const last = Math.max(first + 1, Math.floor((view.start + ((x + bar) / width) * (view.end - view.start)) * rate));
    let peak = 0;
    for (let k = first; k < last && k < peaks.length; k++) peak = Math.max(peak, peaks[k]);
    const half = Math.max(0.5, (peak / 255) ** 0.8 * (middle - 3));
    g.fillRect(x, middle - half, bar - gap, 2 * half);
  }
  if (track.activity) {
    const { start_s: start, hop_s: hop, frames } = track.activity;
    drawShades(g, frames, start, hop, view, width, height - 4, 4, g.fillStyle, colours.line);
  }
  drawRegionLabels(g, view, width, colours, regions);
}

// Over the waveform, on a ground of their own; one that would cover the one before is left out.
function drawRegionLabels(g, view, width, colours, regions) {
  g.font = colours.font;
  g.textBaseline = "top";
  let free = -Infinity;
  for (const region of regions) {
    const x = xOf(region.start_s, view, width) + 2, w = g.measureText(region.label).width + 8;
    if (!region.label || x < free) continue;
    free = x + w + 2;
    g.fillStyle = colours.card;
    g.globalAlpha = 0.9;
    g.beginPath();
    g.roundRect(x, 6, w, 16, 4);
    g.fill();
    g.globalAlpha = 1;
    g.fillStyle = region.good ? colours.good : colours.bad;
    g.fillText(region.label, x + 4, 8);
  }
}

// One row of shades; runs of one value are drawn at once, so the edges are exact at every zoom.
function drawShades(g, frames, start, hop, view, width, y, height, colour, unknown) {
  const first = Math.max(0, Math.floor((view.start - start) / hop));
  const last = Math.min(frames.length, Math.ceil((view.end - start) / hop));
  for (let k = first; k < last; ) {
    let next = k + 1;
    while (next < last && frames[next] === frames[k]) next++;
    const from = xOf(start + k * hop, view, width), to = xOf(start + next * hop, view, width);
    g.fillStyle = frames[k] === 255 ? unknown : colour;
    g.globalAlpha = frames[k] === 255 ? 0.5 : frames[k] / 254;
    g.fillRect(from, y, to - from + 0.3, height);
    k = next;
  }
  g.globalAlpha = 1;
}

function drawRibbons(canvas, view, colours, panel) {
  const { g, width, height } = canvasOf(canvas);
  const row = height / panel.labels.length;
  panel.labels.forEach((label, k) => {
    g.fillStyle = colours.well;
    g.fillRect(0, k * row + 2, width, row - 4);
    const frames = panel.frames.subarray(k * panel.n_frames, (k + 1) * panel.n_frames);
    drawShades(g, frames, panel.start_s, panel.hop_s, view, width, k * row + 2, row - 7, colours.track(panel.colours[k]), colours.line);
    g.fillStyle = colours.track(panel.colours[k]);
    for (const [start, end, name] of panel.spans) {
      if (name !== label) continue;
      const from = xOf(start, view, width);
      g.fillRect(from, (k + 1) * row - 5, Math.max(2, xOf(end, view, width) - from), 3);
    }
  });
}

const NAMES = ["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"];
const noteName = (midi) => `${NAMES[((Math.round(midi) % 12) + 12) % 12]}${Math.floor(Math.round(midi) / 12) - 1}`;

const LEAP_ST = 1.5;

function drawPitch(canvas, view, colours, panel) {
  const { g, width, height } = canvasOf(canvas);
  const { low, high } = panel.range;
  const yOf = (midi) => height - ((midi - low) / (high - low)) * height;
  const unit = height / (high - low);
  g.font = colours.font;
  g.textBaseline = "middle";
  for (let midi = Math.ceil(low); midi < high; midi++) {
    g.fillStyle = colours.well;
    if ([1, 3, 6, 8, 10].includes(midi % 12)) g.fillRect(0, yOf(midi + 0.5), width, unit);
  }
  for (const [onset, duration, midi, fault] of panel.notes) {
    const x = xOf(onset, view, width), w = Math.max(3, xOf(onset + duration, view, width) - x - 1);
    g.fillStyle = fault ? colours.bad : colours.track(2);
    g.globalAlpha = fault === "missed" ? 0.08 : fault ? 0.45 : 0.5;
    g.beginPath();
    g.roundRect(x, yOf(midi + 0.45), w, Math.max(5, 0.9 * unit), 3);
    g.fill();
    g.globalAlpha = 1;
    if (fault) {
      g.strokeStyle = colours.bad;
      g.lineWidth = 1.5;
      g.setLineDash(fault === "missed" ? [3, 3] : []);
      g.stroke();
      g.setLineDash([]);
    }
  }
  g.strokeStyle = colours.track(0);
  g.lineWidth = 2;
  g.lineJoin = "round";
  g.beginPath();
  let before = null;  // a leap is drawn as a gap: nobody plays what lies between
  panel.times_s.forEach((timeS, k) => {
    const midi = panel.pitch_midi[k];
    if (midi === null || timeS < view.start - 1 || timeS > view.end + 1) { before = null; return; }
    const x = xOf(timeS, view, width), y = yOf(midi);
    if (before !== null && Math.abs(midi - before) < LEAP_ST) g.lineTo(x, y); else g.moveTo(x, y);
    before = midi;
  });
  g.stroke();
  const every = unit > 13 ? 1 : unit > 6 ? 3 : 12;
  for (let midi = Math.ceil(low); midi < high; midi++) {
    if (midi % every || yOf(midi) < 6 || yOf(midi) > height - 6) continue;  // no name that is cut off
    g.fillStyle = colours.soft;
    g.fillText(noteName(midi), 4, yOf(midi));
  }
}

// The picture is made once for a theme and stretched by the browser.
function matrixImage(panel, colours) {
  const image = document.createElement("canvas");
  image.width = panel.n_columns;
  image.height = panel.n_rows;
  const g = image.getContext("2d");
  const pixels = g.createImageData(panel.n_columns, panel.n_rows);
  const [near, far] = [colours.track(2), colours.well].map(rgb);
  for (let k = 0; k < panel.cells.length; k++) {
    const row = panel.n_rows - 1 - Math.floor(k / panel.n_columns);  // the first row lies at the bottom
    const at = 4 * (row * panel.n_columns + (k % panel.n_columns));
    const share = (panel.cells[k] / 255) ** 0.7;
    for (let c = 0; c < 3; c++) pixels.data[at + c] = near[c] + (far[c] - near[c]) * share;
    pixels.data[at + 3] = 255;
  }
  g.putImageData(pixels, 0, 0);
  return image;
}

function rgb(colour) {
  const digits = colour.replace("#", "");
  return [0, 2, 4].map((k) => parseInt(digits.slice(k, k + 2), 16));
}

function drawMatrix(canvas, view, colours, panel) {
  const { g, width, height } = canvasOf(canvas);
  if (panel.imageFor !== colours.well) {
    panel.image = matrixImage(panel, colours);
    panel.imageFor = colours.well;
  }
  const from = xOf(panel.start_s, view, width), to = xOf(panel.end_s, view, width);
  g.imageSmoothingEnabled = to - from < panel.n_columns;
  g.drawImage(panel.image, from, 0, to - from, height);
  const yOf = (timeS) => height - ((timeS - panel.row_start_s) / (panel.row_end_s - panel.row_start_s)) * height;
  g.font = `bold ${colours.font}`;
  g.textBaseline = "bottom";
  for (const path of panel.paths) {
    g.strokeStyle = g.fillStyle = path.good ? colours.good : colours.bad;
    g.lineWidth = path.good ? 3 : 1.5;
    g.setLineDash(path.good ? [] : [4, 3]);
    g.beginPath();
    path.points.forEach(([x, y], k) => {
      const at = [xOf(x, view, width), yOf(y)];
      if (k) g.lineTo(...at); else g.moveTo(...at);
    });
    g.stroke();
    const [x, y] = path.points[path.points.length - 1];
    g.fillText(path.label, xOf(x, view, width) + 3, Math.max(14, yOf(y)));
  }
  g.setLineDash([]);
}

const DRAW = { ribbons: drawRibbons, pitch: drawPitch, matrix: drawMatrix };
