/** Tells staff who look elsewhere that somebody waits: two soft tones, a notification without content, the title. */

import { byId, setText } from "./dom.js";

const SOUND_KEY = "desk.sound";
const TITLE = document.title;

export class Alerts {
  #audio = null;
  #sound = recall() !== "off";
  #told = new Set();

  constructor() {
    // Browsers let a page make sounds only after the person has done something on it.
    for (const gesture of ["pointerdown", "keydown"]) {
      addEventListener(gesture, () => this.#wake(), { capture: true });
    }
    byId("sound").addEventListener("click", () => this.#toggleSound());
    byId("notifications").addEventListener("click", () => this.#askForNotifications());
    this.#showSound();
    this.#showNotifications();
  }

  /** @param {import("./state.js").Card[]} cards those that newly wait */
  waiting(cards) {
    // The same wait may be seen twice, when the page loads afresh while events come in.
    const keys = cards.map((card) => `${card.id} ${card.waiting_since} ${card.level}`);
    const fresh = keys.filter((key) => !this.#told.has(key));
    for (const key of fresh) this.#told.add(key);
    if (fresh.length) this.#tell("Someone is waiting", "desk-waiting");
  }

  /** A new message in one of my conversations; the person who looks at the page sees it anyway. */
  message() {
    if (document.hidden) this.#tell("You have a new message", "desk-message");
  }

  /** A danger in one of my conversations: heard also by who looks at another. */
  danger() {
    this.#tell("A conversation of yours is urgent", "desk-danger");
  }

  /** @param {number} count what has to be seen to */
  badge(count) {
    const title = count ? `(${count}) ${TITLE}` : TITLE;
    if (document.title !== title) document.title = title;
  }

  #tell(text, tag) {
    if (this.#sound) this.#play();
    if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
    try {
      const notification = new Notification(text, { tag, icon: "/web/icon.svg" });
      notification.onclick = () => {
        focus();
        notification.close();
      };
    } catch {
      /* Android only lets service workers notify */
    }
  }

  #wake() {
    this.#audio ??= "AudioContext" in window ? new AudioContext() : null;
    if (this.#audio?.state === "suspended") this.#audio.resume().catch(() => null);
  }

  #play() {
    if (this.#audio?.state !== "running") return;
    const start = this.#audio.currentTime;
    for (const [pitch, after] of [[523.25, 0], [659.25, 0.22]]) {
      const tone = this.#audio.createOscillator();
      const volume = this.#audio.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, start + after);
      volume.gain.exponentialRampToValueAtTime(0.12, start + after + 0.04);
      volume.gain.exponentialRampToValueAtTime(0.0001, start + after + 0.5);
      tone.connect(volume).connect(this.#audio.destination);
      tone.start(start + after);
      tone.stop(start + after + 0.55);
    }
  }

  #toggleSound() {
    this.#sound = !this.#sound;
    try {
      localStorage.setItem(SOUND_KEY, this.#sound ? "on" : "off");
    } catch {
      /* storage can be forbidden: then it holds until the page is left */
    }
    this.#showSound();
    if (this.#sound) this.#play();
  }

  #showSound() {
    byId("sound").setAttribute("aria-pressed", String(this.#sound));
  }

  async #askForNotifications() {
    await Notification.requestPermission();
    this.#showNotifications();
  }

  #showNotifications() {
    const permission = "Notification" in window ? Notification.permission : "";
    byId("notifications").hidden = permission !== "default";
    setText(byId("notifications-state"), permission === "denied" ? "Notifications are blocked in this browser." : "");
  }
}

function recall() {
  try {
    return localStorage.getItem(SOUND_KEY);
  } catch {
    return null;
  }
}
