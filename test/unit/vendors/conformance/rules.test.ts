import { checkRules } from '../../../../vendors/conformance/rules';
import { vendorChecks } from '../../../../vendors/conformance/suite';
import { defineVendor, type VendorDefinition } from '../../../../vendors/define';
import { gps51 } from '../../../../vendors/gps51';
import { builtInVendors, vendorOf } from '../../../../vendors/registry';

import { longOr } from '../../../support/run/long';

const FUZZ = { seed: 20_261_129, answers: longOr(400, 100) };

test.each(builtInVendors().map(({ id }) => id))('%s keeps to what holds for every vendor', async (id) => {
  const checks = await vendorChecks(vendorOf(id), FUZZ);
  expect(checks.filter(({ result }) => result === 'fail')).toEqual([]);
  expect(checks.filter(({ result }) => result === 'ok').length).toBeGreaterThan(5);
});

test('a vendor whose rules throw, keep secrets, or name what there is not, is found out', () => {
  const { rules } = vendorOf('amazon');
  const evidence = { vendor: 'amazon', account: 'conformance', operation: 'createReport' };
  expect(
    checkRules({
      ...rules,
      operations: ['createReport'],
      unmetered: ['createReport', 'getMoon'],
      limits: rules.limits.map((limit) => ({ ...limit, scope: '{nobody}' })),
      classify: (_, result) => {
        if (result.kind === 'transport') return { kind: 'ok', evidence };
        const { status, body } = result.response;
        if (status === 599) throw new Error('no such status');
        return { kind: 'invalid', evidence: { ...evidence, message: body } };
      },
    }),
  ).toEqual(
    expect.arrayContaining([
      expect.stringMatching(
        /^limit createReport: limit scope "\{nobody\}" needs the call attribute "nobody"/,
      ),
      'unmetered names the operation getMoon, which there is not',
      'limit createReport charges createReport, which is said to be unmetered',
      expect.stringContaining('throws no such status'),
      expect.stringContaining('no answer came, and it is a success'),
      expect.stringContaining('the evidence holds a secret'),
    ]),
  );
});

test('a simulator that lets through what it should refuse, or is not understood, is found out', async () => {
  const { simulator } = gps51;
  if (simulator === null) throw new Error('no simulator');
  const definition: VendorDefinition = { ...gps51, simulator } as unknown as VendorDefinition;
  const deaf = defineVendor({
    ...definition,
    parts: (account) => ({ ...gps51.parts(account as never), rules: undefined as never }),
    rules: {
      ...gps51.rules,
      classify: (call, result, now) => {
        const verdict = gps51.rules.classify(call, result, now);
        return verdict.kind === 'rate' || verdict.kind === 'quota'
          ? { kind: 'invalid', evidence: verdict.evidence }
          : verdict;
      },
    },
  });
  const lax = defineVendor({
    ...definition,
    simulator: async () => {
      const inner = await simulator();
      return {
        ...inner,
        start: async (scenario) => {
          const running = await inner.start(scenario);
          const admit = running.limits.admit.bind(running.limits);
          running.limits.admit = (call, now) => (admit(call, now) ? null : null);
          return running;
        },
      };
    },
  });
  const problemsOf = async (vendor: typeof deaf) =>
    (await vendorChecks(vendor, FUZZ))
      .filter(({ result }) => result === 'fail')
      .flatMap((one) => one.problems);
  expect(await problemsOf(deaf)).toContainEqual(expect.stringContaining('the rules take 0 for one'));
  expect(await problemsOf(lax)).toContainEqual(expect.stringContaining('were refused instead of 3'));
});
