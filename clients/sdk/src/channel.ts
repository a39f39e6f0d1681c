/** The tabs of a browser by name, where there are tabs. Knows nothing of what is told. */

/** Tells all other tabs that listen to `name`; null where there are none, or where the browser allows none. */
export function channelTo(name: string, heard: (data: unknown) => void): BroadcastChannel | null {
  if (typeof BroadcastChannel === "undefined") return null;
  try {
    const channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => heard(data);
    // In Node it would keep the process going.
    (channel as { unref?: () => void }).unref?.();
    return channel;
  } catch {
    return null;
  }
}
