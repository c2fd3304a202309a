/** Distributions as they come: each release's own kernel, bubblewrap and C library. */

import { type Cell, ROOT, USER } from '../cell.ts';
import { runMachine } from '../places/machine.ts';
import { RELEASES } from '../roots/releases.ts';

export const RELEASE_CELLS: readonly Cell[] = Object.values(RELEASES).map((release) => ({
  section: 'Distributions',
  title: release.title,
  runs: [USER, ROOT],
  make: (script) => runMachine({ release, script }),
}));
