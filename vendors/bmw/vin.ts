/** Vehicle identification numbers (ISO 3779). */

const VIN = /^[A-HJ-NPR-Z0-9]{17}$/;

/** What is wrong with a VIN; null when nothing is. Check digits are used in North America alone, so none is checked. */
export function vinProblem(vin: string): string | null {
  return VIN.test(vin) ? null : 'must be a VIN: 17 capital letters and digits without I, O and Q';
}
