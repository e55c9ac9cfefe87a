// Sound: one audio context for the page, and one clock for all tracks of a deck.

let sharedContext = null;
function audioContext() {
  sharedContext ??= new AudioContext();
  return sharedContext;
}

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
  return bytes;
}

// Each file is decoded once, however many tracks play it.
const decoded = new Map();
function decode(id) {
  if (!decoded.has(id)) {
    const bytes = bytesOf(document.getElementById(id).textContent);
    decoded.set(id, audioContext().decodeAudioData(bytes.buffer));
  }
  return decoded.get(id);
}

// Source k -> gain k -> meter k -> output of the deck. All sources start at one moment of the context's
// clock and at one position in their buffers, so they cannot drift apart: a seek stops all and starts all anew.
class Transport {
  constructor(files, durationS) {
    this.files = files;
    this.durationS = durationS;
    this.gains = files.map(() => 1);
    this.loop = null;
    this.playing = false;
    this.offset = 0;
    this.until = null;
    this.onend = () => {};
    this.sources = [];
    this.loading = null;
  }

  load() {
    this.loading ??= Promise.all(this.files.map(decode)).then((buffers) => {
      const context = audioContext();
      this.buffers = buffers;
      this.output = context.createAnalyser();
      this.output.connect(context.destination);
      this.nodes = buffers.map((_, k) => {
        const gain = context.createGain();
        gain.gain.value = this.gains[k];
        const meter = context.createAnalyser();
        meter.fftSize = 1024;
        gain.connect(meter).connect(this.output);
        return { gain, meter };
      });
    });
    return this.loading;
  }

  async play(from = this.offset, until = null) {
    const context = audioContext();
    await Promise.all([this.load(), context.resume()]);
    this.stopSources();
    this.offset = Math.min(Math.max(0, from), this.durationS);
    this.until = until;
    this.startedAt = context.currentTime + 0.02;
    this.playing = true;
    const looping = this.loop && until === null && this.offset < this.loop.end;
    this.sources = this.buffers.map((buffer, k) => {
      const source = context.createBufferSource();
      source.buffer = buffer;
      if (looping) {
        source.loop = true;
        source.loopStart = this.loop.start;
        source.loopEnd = this.loop.end;
      }
      source.connect(this.nodes[k].gain);
      source.start(this.startedAt, this.offset);
      if (until !== null) source.stop(this.startedAt + Math.max(0, until - this.offset));
      return source;
    });
    this.looping = Boolean(looping);
    if (this.sources.length) this.sources[0].onended = () => this.ended(until);
  }

  ended(until) {
    this.playing = false;
    this.sources = [];
    this.offset = until ?? 0;
    this.onend(until !== null);
  }

  pause() {
    const position = this.position;
    this.stopSources();
    this.playing = false;
    this.offset = position;
  }

  stopSources() {
    for (const source of this.sources) {
      source.onended = null;
      source.stop();
      source.disconnect();
    }
    this.sources = [];
  }

  seek(timeS) {
    const target = Math.min(Math.max(0, timeS), this.durationS);
    if (this.playing) return this.play(target);
    this.offset = target;
    return Promise.resolve();
  }

  get position() {
    if (!this.playing) return this.offset;
    // What is heard now left the context some time ago: with wireless headphones a quarter of a second.
    const context = audioContext();
    const elapsed = Math.max(0, context.currentTime - (context.outputLatency || 0) - this.startedAt);
    const position = this.offset + elapsed;
    if (this.looping && position > this.loop.end) {
      return this.loop.start + ((position - this.loop.start) % (this.loop.end - this.loop.start));
    }
    return Math.min(position, this.until ?? this.durationS);
  }

  setGain(k, value) {
    this.gains[k] = value;
    // A short ramp, since a jump would click.
    this.nodes?.[k].gain.gain.setTargetAtTime(value, audioContext().currentTime, 0.008);
  }

  level(k) {
    return this.playing && this.nodes ? rms(this.nodes[k].meter) : 0;
  }

  get outputLevel() {
    return this.playing && this.output ? rms(this.output) : 0;
  }
}

function rms(meter) {
  const samples = new Float32Array(meter.fftSize);
  meter.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);
}
