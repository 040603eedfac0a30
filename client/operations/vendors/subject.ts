/** What the conformance suite is run on. */
import type { Vendor } from '../../../vendors/registry';

/** A vendor to be tried. */
export interface Subject {
  readonly vendor: Vendor;
  /** The plugin that it comes from; null for one of this repository. */
  readonly module: string | null;
}
