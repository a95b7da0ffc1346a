/**
 * Charts as sound, by Web Audio alone. Nothing ever sounds unless it was asked for, and it can be stopped.
 *
 * The service gives the series: numbers from 0 to 1 in the order of the prices, null where bars are missing. A
 * higher number is a higher tone; a hole is silence.
 */

const LOWEST_HZ = 196;
const OCTAVES = 2.5;
const TONE_S = 0.18;
const RAMP_S = 0.012;

export class Sound extends EventTarget {
  #context = null;
  #playing = null;
  #volume;

  /** volume() is from 0 to 100. */
  constructor(volume) {
    super();
    this.#volume = volume;
  }

  get playing() {
    return this.#playing !== null;
  }

  /** Sound one value. */
  tone(value) {
    if (value === null || value === undefined) return;
    const context = this.#open();
    this.#note(context, value, context.currentTime + 0.02, TONE_S);
  }

  /** Sound a series from its start to its end in so many seconds; a second call replaces the first. */
  play(values, seconds) {
    this.stop();
    const context = this.#open();
    const each = seconds / Math.max(values.length, 1);
    const start = context.currentTime + 0.05;
    const gain = context.createGain();
    gain.connect(context.destination);
    gain.gain.value = 0;
    const tone = context.createOscillator();
    tone.type = "triangle";
    tone.connect(gain);
    values.forEach((value, index) => {
      const at = start + index * each;
      if (value === null) {
        gain.gain.setTargetAtTime(0, at, RAMP_S);
      } else {
        gain.gain.setTargetAtTime(this.#loudness(), at, RAMP_S);
        tone.frequency.setTargetAtTime(pitch(value), at, Math.min(RAMP_S, each / 4));
      }
    });
    gain.gain.setTargetAtTime(0, start + seconds, RAMP_S);
    tone.start(start);
    tone.stop(start + seconds + RAMP_S * 8);
    tone.addEventListener("ended", () => tone === this.#playing && this.#ended());
    this.#playing = tone;
    this.dispatchEvent(new Event("change"));
  }

  stop() {
    const tone = this.#playing;
    if (tone === null) return;
    this.#ended();
    tone.disconnect();
    tone.stop();
  }

  #ended() {
    this.#playing = null;
    this.dispatchEvent(new Event("change"));
  }

  #note(context, value, at, length) {
    const gain = context.createGain();
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(this.#loudness(), at + RAMP_S);
    gain.gain.setTargetAtTime(0, at + length, RAMP_S);
    gain.connect(context.destination);
    const tone = context.createOscillator();
    tone.type = "triangle";
    tone.frequency.value = pitch(value);
    tone.connect(gain);
    tone.start(at);
    tone.stop(at + length + RAMP_S * 8);
  }

  #loudness() {
    return (this.#volume() / 100) ** 2 * 0.6;
  }

  // Browsers allow sound only after the user did something, which is just what is wanted here.
  #open() {
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") this.#context.resume();
    return this.#context;
  }
}

function pitch(value) {
  return LOWEST_HZ * 2 ** (value * OCTAVES);
}
