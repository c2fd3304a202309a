/** What the smoke suite writes, one JSON object a line, for the matrix to read on the other side of a console. */

export interface Facts {
  readonly kernel: string;
  /** As the programs themselves say. */
  readonly bubblewrap: string;
  readonly node: string;
  readonly program: string;
  readonly libc: string;
  readonly uid: number;
  readonly cgroup: 'v1' | 'v2' | 'v1 and v2' | 'none';
}

export interface Outcome {
  /** With the link, where the check is made on each. */
  readonly check: string;
  readonly ok: boolean;
  readonly ms: number;
  /** What was not as it should be; or, of a refusal that was to be, its code. */
  readonly reason?: string;
}

export type Line =
  /** Of the matrix's own shell, before each run. */
  | { readonly kind: 'run'; readonly title: string }
  | { readonly kind: 'facts'; readonly facts: Facts }
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  /** The last one: without it the suite has not come to its end. */
  | { readonly kind: 'end' };

/** What the suite is to expect. */
export interface Order {
  /** What is tried: a run on each kind of link, or all the rest as well. */
  readonly scope: 'links' | 'all';
  /** Where this system can't give it: the code of the error, for a kind of link or for every run. */
  readonly refused?: { readonly tun?: string; readonly veth?: string; readonly any?: string };
}

/** Starts each of our lines: a console carries the words of others too. */
const MARK = 'kns-matrix ';

export function format(line: Line): string {
  return `${MARK}${JSON.stringify(line)}\n`;
}

/** Those of a console's lines that are ours, and whole. */
export function parse(console: string): Line[] {
  return console.split(/\r*\n/).flatMap((text) => {
    const at = text.indexOf(MARK);
    if (at < 0) return [];
    try {
      return [JSON.parse(text.slice(at + MARK.length))];
    } catch {
      return []; // cut off by the end of the machine
    }
  });
}
