/** Which of a pod's connections a new stream goes to, and whether another may be opened: no state of its own. */
import type { ForwardLimits } from '../limits.ts';
import type { PodConnection } from '../transport.ts';
import type { PodEntry } from './entry.ts';

/**
 * @param anyWillDo the stream has waited for long enough
 * @param room whether another connection to the pod may be opened
 * @returns undefined where it has to wait
 */
export function placeFor(
  { connections, waiting, opening }: PodEntry,
  limits: ForwardLimits,
  { anyWillDo, room }: { readonly anyWillDo: boolean; readonly room: boolean },
): PodConnection | undefined {
  let best: PodConnection | undefined;
  let lastResort: PodConnection | undefined;
  for (const connection of connections) {
    if (connection.spent) continue;
    lastResort = lighter(lastResort, connection);
    if (connection.doubtful || connection.streamCount >= limits.streamsPerConnection) continue;
    best = lighter(best, connection);
  }
  if (best?.load === 0) return best;
  if (anyWillDo) return best ?? lastResort;
  if (room) return undefined;
  // Those that are being opened will take their part of who waits.
  const share = opening === 0 ? Infinity : waiting.length / opening;
  if (best) return best.load < share ? best : undefined;
  return opening === 0 ? lastResort : undefined;
}

/** @param openInAll connections to all pods */
export function hasRoom(
  { connections, opening }: PodEntry,
  limits: ForwardLimits,
  openInAll: number,
): boolean {
  let [usable, healthy] = [opening, opening];
  for (const { spent, doubtful } of connections) {
    if (spent) continue;
    usable++;
    if (!doubtful) healthy++;
  }
  if (usable === 0) return true;
  return healthy < limits.connectionsPerPod && openInAll < limits.connections;
}

/** Nothing is at work in it, and nothing speaks against it. */
export function isFree({ load, spent, doubtful }: PodConnection): boolean {
  return load === 0 && !spent && !doubtful;
}

function lighter(best: PodConnection | undefined, connection: PodConnection): PodConnection {
  return best && best.load <= connection.load ? best : connection;
}
