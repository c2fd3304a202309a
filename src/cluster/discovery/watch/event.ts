/** One line of a watch ("Kubernetes API Concepts", efficient detection of changes). */
import type { V1Status } from '@kubernetes/client-node';
import type { ApiObject, Json } from '../../api/objects.ts';

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: ApiObject }
  /** Nothing has changed up to this version. */
  | { readonly type: 'BOOKMARK'; readonly object: ApiObject }
  | { readonly type: 'ERROR'; readonly code: number; readonly message: string };

const OBJECT_EVENTS: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK']);

/** @returns undefined for a type that is not known: a later server may have more. Throws on what is no event. */
export function parseEvent(line: string): WatchEvent | undefined {
  const event: unknown = JSON.parse(line);
  if (!isTyped(event)) throw new Error('a line of a watch that is no event');
  if (event.type === 'ERROR') {
    const { code = 0, message = '', reason } = event.object;
    const expired = reason === 'Expired' || reason === 'Gone';
    return { type: 'ERROR', code: expired ? 410 : code, message };
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server's schema; `type` has been looked at
  return OBJECT_EVENTS.has(event.type) ? (event as unknown as WatchEvent) : undefined;
}

interface TypedLine {
  type: string;
  /** Where the type is ERROR. */
  object: Json<V1Status>;
}

function isTyped(event: unknown): event is TypedLine {
  return (
    typeof event === 'object' &&
    event !== null &&
    'type' in event &&
    'object' in event &&
    typeof event.object === 'object' &&
    event.object !== null
  );
}
