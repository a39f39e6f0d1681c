/**
 * What the tabs of one browser tell each other about a person's documents: that something
 * of one was kept on this device, or is no longer unsaved. Only its name is told: what is
 * said of it lies on the device. Where there are no tabs nobody is told and nobody tells.
 */
import { channelTo } from "./channel.js";

export class Tabs {
  /** Called with the name of a document of which another tab told. */
  onTold: (name: string) => void = () => {};
  private channel: BroadcastChannel | null;

  constructor(person: string) {
    this.channel = channelTo(`studyhall:kept:${person}`, (told) => {
      if (typeof told === "string") this.onTold(told);
    });
  }

  tell(name: string): void {
    this.channel?.postMessage(name);
  }

  close(): void {
    this.channel?.close();
    this.channel = null;
  }
}
