/** How OpenAI and gateways before it say that somebody has to pay, or that a budget is spent. Pure. */

/** Until somebody pays or raises a limit; the wait, if any is stated, is not what ends it. */
const CODES: ReadonlySet<string> = new Set([
  'insufficient_quota',
  'credit_balance_exhausted',
  'organization_spend_limit_exceeded',
  'project_spend_limit_exceeded',
  'organization_usage_limit_exceeded',
  'billing_hard_limit_reached',
  'billing_not_active',
]);

/** The same of limits that are named alike. */
const LIMIT_CODE = /^(?:organization|project)_(?:spend|usage)_limit_exceeded$/;

/** Gateways' own words, as code or type: `budget_exceeded`, `BudgetExceededError`, `insufficient_credits`. */
const MONEY = /budget|credit|balance|spend|billing|funds|payment/i;
const GONE = /exceed|exhaust|insufficient|required|reached|depleted|hard_?limit|not_?active|too_?low/i;

export function isPaymentWord(word: string): boolean {
  if (CODES.has(word) || LIMIT_CODE.test(word)) return true;
  return MONEY.test(word) && GONE.test(word) && !/token|rate/i.test(word);
}

/** OpenAI's sentence, where a 429 carries neither code nor type; with a code, other vendors say it of a minute. */
const QUOTA_TEXT = /exceeded your current quota|check your plan and billing/i;

export function isQuotaText(message: string): boolean {
  return QUOTA_TEXT.test(message);
}

const SPENT_TEXT = [
  /\bbudget\b[^.!?\n]{0,80}\b(?:exceeded|exhausted|spent|used up|reached|depleted)\b/i,
  /\b(?:exceed(?:s|ed|ing)?|over|out of|exhausted|reached)\b[^.!?\n]{0,40}\bbudget\b/i,
  /\binsufficient\s+(?:\w+\s+)?(?:credits?|balance|funds)\b/i,
  /\b(?:out of|run out of|not enough|no)\s+(?:\w+\s+)?credits?\b/i,
  /\bcredit balance is (?:too low|exhausted|used up)\b/i,
];
/** Budgets of tokens and of a minute's calls are no money. */
const OTHER_BUDGET =
  /\b(?:tokens?|thinking|reasoning|context|latency|time|retry)[ _-]budget|per (?:min|sec|hour)/i;

/** @param message of an error. Where it quotes a request, only what comes before the quotation counts. */
export function isSpentText(message: string): boolean {
  const own = message.split(/["“‘`]/)[0] ?? '';
  return !OTHER_BUDGET.test(own) && SPENT_TEXT.some((pattern) => pattern.test(own));
}
