/**
 * `sluice/simulator`: the parts that vendors' simulators are made of, for vendors outside of this repository. A simulator
 * is a real HTTP server that judges each call when it arrives, by the vendor's published limits. See docs/adding-a-vendor.md.
 */

export type { Clock } from '../vendors/kit/clock';
export {
  defineSimulator,
  type OwnBehaviour,
  type SimulatorDefinition,
} from '../vendors/kit/define-simulator';
export type { Arrival, CallCounts } from '../vendors/kit/judge/arrivals';
export type {
  CountedCall,
  LimitBook,
  LimitReport,
  Refusal,
  VendorLimit,
} from '../vendors/kit/judge/limit-book';
export type { VendorWindow } from '../vendors/kit/judge/meters';
export { hash32, pickBetween, unitOf } from '../vendors/kit/random';
export { ScenarioError } from '../vendors/kit/scenario';
export { runSimulator } from '../vendors/kit/server/program';
export { json, type RunningSimulator } from '../vendors/kit/server/server';
export type { Identified, SimAnswer, SimCall, SimRequest, SimulatedVendor } from '../vendors/kit/vendor';
