/* The telephone line in the audio thread: the microphone down to 8 kHz in frames of 20 ms, the agent's frames up again. */
const LINE_HZ = 8000;
const FRAME = 160;
/* Zero crossings of the filter on each side, and how finely it is tabulated. */
const WIDTH = 8;
const FINE = 64;
/* So much of the other end's speech is gathered before it plays: a late frame makes no gap. */
const CUSHION_MS = 60;

/* One crossing longer than the filter: the reach is rounded up to whole samples. */
const kernel = Float32Array.from({ length: (WIDTH + 1) * FINE + 2 }, (_, index) => {
  const x = index / FINE;
  if (x >= WIDTH) return 0;
  const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / WIDTH);
  return window * (x === 0 ? 0.92 : Math.sin(Math.PI * 0.92 * x) / (Math.PI * x));
});

/* Windowed-sinc conversion of a stream; `scale` below 1 lowers the filter's edge with the target rate. */
class Resampler {
  constructor(from, to) {
    this.step = from / to;
    this.scale = Math.min(1, to / from);
    this.reach = Math.ceil(WIDTH / this.scale);
    this.samples = new Array(this.reach).fill(0);
    this.at = this.reach;
  }

  push(samples) {
    for (const sample of samples) this.samples.push(sample);
  }

  /* The next output sample, or null until more has come. */
  next() {
    const middle = Math.floor(this.at);
    if (middle + this.reach >= this.samples.length) return null;
    let sum = 0;
    for (let index = middle - this.reach + 1; index <= middle + this.reach; index += 1) {
      sum += this.samples[index] * kernel[Math.round(Math.abs(index - this.at) * this.scale * FINE)];
    }
    this.at += this.step;
    return sum * this.scale;
  }

  forget() {
    const past = Math.floor(this.at) - this.reach;
    if (past < 4096) return;
    this.samples.splice(0, past);
    this.at -= past;
  }
}

class Phone extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.cushion = ((processorOptions?.cushionMs ?? CUSHION_MS) * LINE_HZ) / 1000;
    this.down = new Resampler(sampleRate, LINE_HZ);
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.loudest = 0;
    this.played = 0;
    this.clear();
    this.port.onmessage = ({ data }) => (data === "clear" ? this.clear() : this.queue(data));
  }

  clear() {
    this.up = new Resampler(LINE_HZ, sampleRate);
    this.waiting = 0;
    this.plays = false;
  }

  queue(frame) {
    const samples = new Int16Array(frame);
    this.up.push(Array.from(samples, (sample) => sample / 32768));
    this.waiting += samples.length;
    if (this.waiting >= this.cushion) this.plays = true;
  }

  process([input], [output]) {
    if (input[0]) this.listen(input[0]);
    this.play(output);
    return true;
  }

  listen(samples) {
    this.down.push(samples);
    for (let sample = this.down.next(); sample !== null; sample = this.down.next()) {
      const held = Math.max(-1, Math.min(1, sample));
      this.loudest = Math.max(this.loudest, Math.abs(held));
      this.frame[this.filled++] = Math.round(held * 32767);
      if (this.filled === FRAME) this.send();
    }
    this.down.forget();
  }

  send() {
    const pcm = this.frame.slice().buffer;
    this.port.postMessage({ pcm, level: this.loudest, played: this.played }, [pcm]);
    this.filled = 0;
    this.loudest = 0;
    this.played = 0;
  }

  play(channels) {
    if (!this.plays) return;
    for (let index = 0; index < channels[0].length; index += 1) {
      const sample = this.up.next();
      if (sample === null) {
        this.clear();
        break;
      }
      this.played = Math.max(this.played, Math.abs(sample));
      for (const channel of channels) channel[index] = sample;
    }
    this.up.forget();
  }
}

registerProcessor("klix-phone", Phone);
