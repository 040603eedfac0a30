/** How an answer says that one request is larger than its model, its limit or its server takes, whatever the status. Pure. */

const WORD = /too_?(?:large|long|big)|length_?exceeded|above_max|context_?window_?exceeded/i;
const SUBJECT = String.raw`\b(?:request|prompt|input|message|payload|context|body)\b`;
const TEXT = [
  new RegExp(String.raw`${SUBJECT}[^.!?]{0,40}\btoo (?:large|big)\b`, 'i'),
  // What took too long, or has waited too long, is a timeout: that may be anybody's.
  new RegExp(
    String.raw`${SUBJECT}(?:[^.!?]{0,40}\b(?:is|are|was|were|be|being|far|much|way))?[\s:,–-]{1,5}too long\b`,
    'i',
  ),
  /\b(?:larger|longer|bigger) than\b[^.!?]{0,60}\b(?:limit|deployment|quota|allow\w*|maximum|context)\b/i,
  /\bmaximum context length\b/i,
  /\bexceeds? (?:the |your )?(?:maximum|max)\b[^.!?]{0,40}\b(?:tokens|length|size)\b/i,
];
/** "Limit 30000, Requested 45000": one request that is more than the whole limit. */
const LIMIT_FIRST = /\blimit:?\s*(?<limit>[\d,]+)\b.{0,60}?\brequested:?\s*(?<asked>[\d,]+)/i;
/** The same of tokens in other orders: "needs 50,000 tokens but the limit is 30,000", "210000 tokens > 200000". */
const OF_TOKENS = [
  /\brequest(?:ed|s)?\b[^\d.!?]{0,40}?(?<asked>[\d,]+).{0,80}?\b(?:limit|quota|max(?:imum)?|allow\w*|capacity)\b[^\d.!?]{0,30}?(?<limit>[\d,]+)/i,
  /(?<asked>\d[\d,]{0,14})\s{0,3}tokens?\s*>\s*(?<limit>[\d,]+)/i,
];
/** What several requests have asked for together says nothing of one. */
const TOGETHER =
  /\brequests? per\b|\bRPM\b|\btimes\b|\b(?:last|past|current|this) (?:second|minute|hour|day)\b/i;

/** @param words code and type. */
export function isTooLarge(words: string, message: string): boolean {
  if (WORD.test(`${words} ${message}`) || TEXT.some((pattern) => pattern.test(message))) return true;
  const isOfTokens = /token|\bTPM\b/i.test(`${words} ${message}`) && !TOGETHER.test(message);
  return [LIMIT_FIRST, ...(isOfTokens ? OF_TOKENS : [])].some((pattern) => {
    const { limit, asked } = pattern.exec(message)?.groups ?? {};
    return limit !== undefined && numberOf(asked) > numberOf(limit);
  });
}

function numberOf(digits = ''): number {
  return Number(digits.replaceAll(',', ''));
}
