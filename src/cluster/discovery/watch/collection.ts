/**
 * The objects of one resource, as far as they are known: what lists and events leave.
 *
 * Of each object only what `decode` takes from it is kept, and its
 * resourceVersion, by which a later list tells what has changed meanwhile. Who
 * is interested is told of each change with the state before it; a list that
 * says what was known already tells nobody anything.
 */
import type { ApiObject } from '../../api/objects.ts';

export type OnItem<Item> = (key: string, before: Item | undefined, after: Item | undefined) => void;

/** What a list or a watch fills, whatever becomes of the objects. */
export interface ObjectSink {
  put(object: ApiObject): void;
  delete(object: ApiObject): void;
  /** Begins a list: what it does not name by its end is gone. */
  beginList(): ListSink;
  clear(): void;
}

export interface ListSink {
  page(objects: readonly ApiObject[]): void;
  end(): void;
}

interface Entry<Item> {
  readonly version: string;
  readonly item: Item;
}

export class Collection<Item, Raw extends ApiObject> implements ObjectSink {
  readonly #decode: (object: Raw) => Item | undefined;
  readonly #onItem: OnItem<Item>;
  readonly #entries = new Map<string, Entry<Item>>();

  /** @param decode undefined where the object is of no interest. */
  constructor(decode: (object: Raw) => Item | undefined, onItem: OnItem<Item>) {
    this.#decode = decode;
    this.#onItem = onItem;
  }

  get size(): number {
    return this.#entries.size;
  }

  put(object: ApiObject): void {
    const key = keyOf(object);
    const version = object.metadata.resourceVersion ?? '';
    const before = this.#entries.get(key);
    // The number itself means nothing to a client, but the same one is the same object.
    if (before !== undefined && version !== '' && before.version === version) return;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server has validated it against the schema that Raw is of
    const item = this.#decode(object as Raw);
    if (item === undefined) {
      this.#remove(key);
      return;
    }
    this.#entries.set(key, { version, item });
    this.#onItem(key, before?.item, item);
  }

  delete(object: ApiObject): void {
    this.#remove(keyOf(object));
  }

  beginList(): ListSink {
    const unseen = new Set(this.#entries.keys());
    return {
      page: (objects) => {
        for (const object of objects) {
          unseen.delete(keyOf(object));
          this.put(object);
        }
      },
      end: () => {
        for (const key of unseen) this.#remove(key);
      },
    };
  }

  clear(): void {
    for (const key of this.#entries.keys()) this.#remove(key);
  }

  #remove(key: string): void {
    const before = this.#entries.get(key);
    if (before === undefined) return;
    this.#entries.delete(key);
    this.#onItem(key, before.item, undefined);
  }
}

function keyOf({ metadata }: ApiObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
