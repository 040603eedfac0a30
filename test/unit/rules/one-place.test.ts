/** What many files need to know is written down once, and everybody else imports it. */
import { sourceLines } from '../../support/source-lines';

interface Rule {
  readonly what: string;
  readonly home: string;
  readonly pattern: RegExp;
  /** Lines that the pattern has to find, or the rule finds nothing for a wrong reason. */
  readonly bad: readonly string[];
}

const RULES: readonly Rule[] = [
  {
    what: 'the units of time in milliseconds',
    home: 'quota/durations.ts',
    pattern:
      /\bconst (?:SECOND|MINUTE|HOUR|DAY)(?:_MS)? =|(?<![\w.])(?:3_?600_?000|86_?400_?000)\b(?!_)|\b(?:60|24) \* (?:60 \* (?:60|1_?000|60_?000)|60_?000|\w+_MS)\b/,
    bad: [
      'const HOUR_MS = 3_600_000;',
      'const DAY = 24 * HOUR_MS;',
      'return days * 86400000;',
      'ms: 24 * 60 * 60_000,',
      'pauseMs: 60 * MINUTE_MS,',
    ],
  },
  {
    what: 'what of a limit a priority may use',
    home: 'quota/limits/limit.ts',
    pattern: /\b1 - .*\breserve\b/,
    bad: [
      'share: 1 - (template.reserve?.background ?? 0),',
      "const share = 1 - (priority === 'interactive' ? 0 : (limit.reserve?.[priority] ?? 0));",
    ],
  },
  {
    what: 'how much a window holds, and for how long',
    home: 'quota/limits/limit.ts',
    pattern: /\? [\w.]+\.burst : |=== 'spacing' \? 1\b|\bmonth: (?:30|31) \* DAY_MS/,
    bad: [
      "const full = w.kind === 'token-bucket' ? w.burst : w.kind === 'spacing' ? 1 : w.count;",
      'const PER_MS = { hour: HOUR_MS, day: DAY_MS, month: 30 * DAY_MS };',
    ],
  },
  {
    what: 'the key of a limit',
    home: 'quota/limits/limit.ts',
    pattern: /\$\{[\w.]*vendor(?:\.id)?\}\/\$\{.+\}\/\$\{[\w.]*name\}/,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what the rule looks for.
    bad: ['key: `${account.vendor.id}/${fillScope(limit.scope, all)}/${limit.name}`,'],
  },
  {
    what: 'the error of a pool without a row',
    home: 'store/permits/permit-errors.ts',
    pattern: /pool .*\bis not registered/,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: what the rule looks for.
    bad: ['throw new Error(`pool "${key}" is not registered`);'],
  },
];

test.each(RULES)('only $home knows $what', ({ home, pattern, bad }) => {
  for (const line of bad) expect(line).toMatch(pattern);
  const elsewhere = sourceLines(({ path }) => path !== home).filter(({ code }) => pattern.test(code));
  expect(elsewhere.map(({ where, code }) => `${where}: ${code}`)).toEqual([]);
});
