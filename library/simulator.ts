/**
 * `sluice/simulator`: the parts that vendors' simulators are made of, for vendors outside of this repository. A simulator
 * is a real HTTP server that judges each call when it arrives, by the vendor's published limits. See docs/adding-a-vendor.md.
 */
export type { Arrival, CallCounts } from '../vendors/kit/arrivals';
export type { Clock } from '../vendors/kit/clock';
export {
  defineSimulator,
  type OwnBehaviour,
  type SimulatorDefinition,
} from '../vendors/kit/define-simulator';
export type { CountedCall, LimitBook, LimitReport, Refusal, VendorLimit } from '../vendors/kit/limit-book';
export type { VendorWindow } from '../vendors/kit/meters';
export { runSimulator } from '../vendors/kit/program';
export { hash32, pickBetween, unitOf } from '../vendors/kit/random';
export { ScenarioError } from '../vendors/kit/scenario';
export { json, type RunningSimulator } from '../vendors/kit/server';
export type { Identified, SimAnswer, SimCall, SimRequest, SimulatedVendor } from '../vendors/kit/vendor';
