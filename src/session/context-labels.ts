/**
 * What each context is called in names: the last label of `web.shop.prod`.
 *
 * A context's name may be anything (`admin@kind-dev`, an ARN of EKS, a path of
 * OpenShift); a label has letters, digits and dashes, 63 at the most (RFC 1123,
 * section 2.1). All else becomes dashes. Where two contexts come out as the
 * same label, the first has it and the next gets `-2`, `-3`.
 */

const MAX_LABEL = 63;
const WITHOUT_A_LETTER = 'context';

export interface ContextLabel {
  readonly context: string;
  readonly label: string;
  /** The context that had the plain label before this one. */
  readonly takenBy?: string;
}

/** A label for each context, in their order; of a single one as well. */
export function contextLabels(contexts: readonly string[]): ContextLabel[] {
  const holders = new Map<string, string>();
  return contexts.map((context) => {
    const plain = toLabel(context);
    const takenBy = holders.get(plain);
    let label = plain;
    for (let n = 2; holders.has(label); n++) label = numbered(plain, n);
    holders.set(label, context);
    return { context, label, ...(takenBy === undefined ? {} : { takenBy }) };
  });
}

function toLabel(context: string): string {
  const label = context.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-');
  return trimDashes(trimDashes(label).slice(0, MAX_LABEL)) || WITHOUT_A_LETTER;
}

function numbered(label: string, n: number): string {
  const suffix = `-${n}`;
  return `${label.slice(0, MAX_LABEL - suffix.length)}${suffix}`;
}

function trimDashes(text: string): string {
  return text.replaceAll(/^-+|-+$/g, '');
}
