import { checkRules } from '../../../../vendors/conformance/rules';
import { vendorOf, vendors } from '../../../../vendors/registry';

test.each(vendors().map(({ id, rules }) => ({ id, rules })))(
  'the rules of $id make one verdict of any answer',
  ({ rules }) => {
    expect(checkRules(rules)).toEqual([]);
  },
);

test('what is wrong with rules is told: a throw, a limit of an unknown operation or attribute', () => {
  const { rules } = vendorOf('amazon');
  const [limit] = rules.limits;
  if (!limit) throw new Error('no limit');
  const odd = {
    ...rules,
    operations: ['getReport'],
    limits: [{ ...limit, name: 'odd', operations: ['none'], scope: '{moon}' }],
    classify: () => {
      throw new TypeError('no body');
    },
  };
  const problems = checkRules(odd);
  expect(problems).toContain('limit odd names the operation none, which there is not');
  expect(problems.join('\n')).toMatch(/limit odd: .*"moon"/);
  expect(problems.join('\n')).toMatch(/throws no body/);
});
