/** What the checks of this system look at: the options of the run that would be. */

import type { LinkOptions } from '../../../sandbox/index.ts';
import type { AddressPlan } from '../../names/address-plan.ts';

export interface HostContext {
  /** Where bubblewrap is looked for. */
  readonly env: NodeJS.ProcessEnv;
  readonly link: NonNullable<LinkOptions['kind']>;
  readonly plan: AddressPlan;
}
