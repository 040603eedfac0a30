/** Vehicle identification numbers (ISO 3779). */

const VIN = /^[A-HJ-NPR-Z0-9]{17}$/;

/** What is wrong with a VIN; null when nothing is. Check digits are used in North America alone, so none is checked. */
export function vinProblem(vin: string): string | null {
  return VIN.test(vin) ? null : 'must be a VIN: 17 capital letters and digits without I, O and Q';
}

const RECORDED = /^[A-HJ-NPR-Z0-9]{3}[A-Z0-9]{14}$/;

/** As `vinProblem`, and right for the made-up VINs of recordings, too, such as WBA00000000DEMO01. */
export function recordedVinProblem(vin: string): string | null {
  return RECORDED.test(vin) ? null : 'must be a VIN: 17 capital letters and digits';
}
