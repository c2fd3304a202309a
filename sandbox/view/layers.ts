/** What lies at a path once mounts are made one over the other, without making them. */

import { statSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface Layer {
  readonly target: string;
  /** What of the host's is bound there; undefined for an empty file system of the sandbox's own. */
  readonly source: string | undefined;
  /** Made after all others, unless one of those covers it. */
  readonly late?: boolean;
}

/** A special file is a socket, a pipe or a device. */
export type Kind = 'directory' | 'file' | 'special';

/** Whether one can be mounted over the other (mount(2)). */
export function fits(one: Kind, other: Kind | undefined): boolean {
  return other !== undefined && (one === 'directory') === (other === 'directory');
}

export function isWithin(file: string, folder: string): boolean {
  return file === folder || isBelow(file, folder);
}

export function isBelow(file: string, folder: string): boolean {
  return file !== folder && file.startsWith(folder === '/' ? folder : `${folder}/`);
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

  /** The path on the host of what a path leads to before the late layers; undefined where that is the sandbox's own. */
  onHost(file: string): string | undefined {
    const layer = this.#layers.findLast(({ target, late }) => late !== true && isWithin(file, target));
    if (layer === undefined) return file;
    return layer.source === undefined ? undefined : join(layer.source, relative(layer.target, file));
  }

  /** Whether a path leads to the host's file there. */
  showsHost(file: string): boolean {
    const layer = this.#at(file);
    return layer === undefined || (layer.late !== true && this.onHost(file) === file);
  }

  /** Where else a path of the host's shows: in what was bound elsewhere of the directories above it, or of what is in it. */
  aliases(file: string): string[] {
    const places = this.#layers.flatMap(({ target, source }) => {
      if (source === undefined) return [];
      if (isWithin(source, file)) return [target];
      return isWithin(file, source) ? [join(target, relative(source, file))] : [];
    });
    return places.filter((place) => isWithin(this.onHost(place) ?? '', file));
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
    if (layer.source !== undefined) return kindOnHost(join(layer.source, relative(layer.target, file)));
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
    const found = statSync(file);
    if (found.isDirectory()) return 'directory';
    return found.isFile() ? 'file' : 'special';
  } catch {
    return undefined;
  }
}
