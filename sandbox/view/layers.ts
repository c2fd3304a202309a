/** What lies at a path once mounts are made one over the other, without making them. */

import { statSync } from 'node:fs';
import path from 'node:path';

export interface Layer {
  readonly target: string;
  /** What of the host's is bound there; undefined for an empty file system of the sandbox's own. */
  readonly source: string | undefined;
}

export type Kind = 'directory' | 'file';

function isWithin(file: string, folder: string): boolean {
  return file === folder || file.startsWith(`${folder}/`);
}

export class Layers {
  readonly #layers: Layer[] = [];

  add(layer: Layer): void {
    this.#layers.push(layer);
  }

  /** Whether this layer is what shows at its target. */
  shows(layer: Layer): boolean {
    return this.#at(layer.target) === layer;
  }

  /** Whether a path lies in an empty file system of the sandbox's own. */
  isOwn(file: string): boolean {
    const layer = this.#at(file);
    return layer !== undefined && layer.source === undefined;
  }

  /** What a path is; undefined where there is nothing. */
  kindOf(file: string): Kind | undefined {
    const layer = this.#at(file);
    if (layer === undefined) return kindOnHost(file);
    if (layer.source !== undefined)
      return kindOnHost(path.join(layer.source, path.relative(layer.target, file)));
    // Empty, but for itself and the way to what was mounted below it since.
    const since = this.#layers.slice(this.#layers.indexOf(layer));
    return since.some(({ target }) => isWithin(target, file)) ? 'directory' : undefined;
  }

  /** The layer that shows at a path; undefined where it is the host's own. */
  #at(file: string): Layer | undefined {
    return this.#layers.findLast(({ target }) => isWithin(file, target));
  }
}

export function kindOnHost(file: string): Kind | undefined {
  try {
    return statSync(file).isDirectory() ? 'directory' : 'file';
  } catch {
    return undefined;
  }
}
