/** Acme Cars as a vendor of Sluice: `plugins: [./acme-cars/vendor.mjs]` in sluice.yaml. */
import { commonAccountFields, defineVendor, pathUrl, secretRef, z } from 'sluice/vendor';
import { login, vehicles } from './calls.mjs';
import { rules } from './rules.mjs';

const account = z.strictObject({
  vendor: z.literal('acme-cars'),
  baseUrl: pathUrl
    .default('https://api.acme-cars.example')
    .describe('Where the API answers, e.g. a simulator.'),
  credentials: z.strictObject({ clientId: secretRef, clientSecret: secretRef }),
  ...commonAccountFields,
});

export default defineVendor({
  rules,
  account,
  parts: (settings) => ({ login: login(settings), vehicles: vehicles(settings) }),
  // Only `sluice simulate`, tests and the conformance suite need it.
  simulator: async () => (await import('./simulator.mjs')).simulator,
  simulatorHelp: `
Fields of a scenario: cars 3, tokenSeconds 3600; limits, faults and latencyMs as for every simulator.`,
  example: {
    settings: { credentials: { clientId: 'env:ACME_CLIENT_ID', clientSecret: 'env:ACME_CLIENT_SECRET' } },
    secrets: { ACME_CLIENT_ID: 'garage', ACME_CLIENT_SECRET: 'garage-secret' },
  },
});
