/**
 * How OpenAI and gateways before it say that somebody has to pay, or that a budget is spent: a word for money and a word
 * for "there is none left" in one clause. Pure.
 */

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

/** Gateways' own words, as code or type: `budget_exceeded`, `BudgetExceededError`, `insufficient_credits`, `Arrearage`. */
const MONEY = /budget|credit|balance|spend|billing|funds|payment|wallet|prepa(?:id|yment)|subscription/i;
const GONE =
  /exceed|exhaust|insufficient|required|reached|depleted|hard_?limit|not_?active|too_?low|out_?of|\bno_|empty|expired|unpaid/i;
const OWED = /arrear|overdue|unpaid|delinquent|insufficient\w*quota/i;
const OTHER_WORD = /token_?(?:limit|count)|\btokens|rate/i;

export function isPaymentWord(word: string): boolean {
  if (CODES.has(word) || LIMIT_CODE.test(word) || OWED.test(word)) return true;
  return MONEY.test(word) && GONE.test(word) && !OTHER_WORD.test(word);
}

/** OpenAI's sentence; with a code of a rate limit, other vendors say it of a minute. */
const QUOTA_TEXT = /exceeded your current quota|check your plan and billing/i;

export function isQuotaText(message: string): boolean {
  return QUOTA_TEXT.test(message);
}

/** What does not end a sentence, a decimal point included. */
const WITHIN = String.raw`(?:[^.!?;\n]|\.(?=\d))`;
/** Beside an underscore, too: `max_budget`. */
const PURSE = String.raw`(?<![\p{L}\p{N}])(?:budgets?|credits?|(?:account |credit |prepaid )?balance|funds|(?:api |ai |cost |monthly |daily )*spend(?:ing)?(?: limit| cap)?|cost (?:limits?|caps?)|billing(?! details)|payment|prepayment|wallet|quota balance)(?![\p{L}\p{N}])`;
const EMPTY = String.raw`\b(?:exceed(?:s|ed|ing)?|exhausted|spent|used up|all used|reach(?:ed|ing)|depleted|insufficient|too low|not (?:enough|sufficient|active)|crossed|surpassed|hit|empty|zero|negative|expired|overdue|past due|is due|required|failed|declined|ran out|run out)\b`;
const BEFORE = String.raw`\b(?:exceed(?:s|ed|ing)?|over|out of|exhausted|reach(?:ed|ing)|insufficient|not enough|no(?: more| remaining)?|crossed|surpassed|hit|depleted|used (?:up )?all|requires? more|need(?:s)? more|add(?: a| more)?|lacks?|(?:do(?:es)?|did)(?:n['’]t| not) (?:currently |yet )?have)\b`;
/** Of money or of a minute: a wait that is stated beside it decides. */
const SOFT_TEXT = new RegExp(
  String.raw`\b(?:usage|key|quota|account) (?:limits?|caps?)\b${WITHIN}{0,40}${EMPTY}|${BEFORE}${WITHIN}{0,40}\b(?:usage|key) (?:limits?|caps?)\b`,
  'i',
);
const SPENT_TEXT = [
  new RegExp(`${PURSE}${WITHIN}{0,80}${EMPTY}`, 'iu'),
  new RegExp(`${BEFORE}${WITHIN}{0,40}${PURSE}`, 'iu'),
  /\bExceeded\w*Budget\b|\bBudget\w*Exceeded/i,
  /\barrears\b|\barrearage\b|\b(?:account|invoice|bill)\b[^.!?\n]{0,40}\b(?:overdue|unpaid|past due)\b|\bunpaid (?:invoice|bill|balance)/i,
  /\b(?:trial|free tier|subscription|plan)\b[^.!?\n]{0,30}\b(?:has ended|ended|expired|is over)\b/i,
  /余额不足|额度不足|欠费|残高.{0,6}不足|(?:크레딧|잔액).{0,10}부족|недостаточно (?:средств|кредит)|баланс\S* .{0,20}(?:исчерпан|недостат)|(?:niewystarczając|brak )\S* ?środk|yetersiz bakiye|bakiye\S* .{0,20}yetersiz|onvoldoende (?:saldo|tegoed|krediet)/iu,
  /\b(?:guthaben|budget|kontingent|solde|cr[ée]dits?|saldo|presupuesto|cr[ée]ditos?|fondi)\b[^.!?\n]{0,60}(?:aufgebraucht|ersch[öo]pft|[üu]berschritten|verbraucht|insuffisant|[ée]puis[ée]|d[ée]pass[ée]|agotad|insuficiente|esaurit|superato|excedid)/i,
  /(?:aufgebraucht|ersch[öo]pft|[üu]berschritten|verbraucht|insuffisant|[ée]puis[ée]|d[ée]pass[ée]|agotad|insuficiente|insufficiente|esaurit|superato|excedid)[^.!?\n]{0,40}\b(?:guthaben|budget|kontingent|solde|cr[ée]dits?|saldo|presupuesto|cr[ée]ditos?|fondi)\b/i,
];
/** Budgets of tokens, of time and of a rate are no money, and neither is a field of the request. */
const OTHER_BUDGET =
  /\b(?:tokens?|thinking|reasoning|context|latency|time|timeout|deadline|retry|error|request|output)[ _.-]?budget|budget_tokens|context length|\brate[- ]?limit|per (?:min|sec|hour)|\b(?:required|missing|unknown|invalid) (?:field|parameter|property|key|argument)/i;
/** A quotation: of a request, and no word of the gateway's. An apostrophe stands within a word. */
const QUOTATION = /["“„‘`]|(?<![\p{L}\p{N}])'/u;

/** A message up to where it begins to quote. */
export function ownWords(message: string): string {
  return message.split(QUOTATION)[0] ?? '';
}

/**
 * @param message of an error. Where it quotes a request, only what comes before the quotation counts.
 * @param hasWait whether the answer names a time after which it is worth asking again.
 */
export function isSpentText(message: string, hasWait: boolean): boolean {
  const own = ownWords(message);
  if (OTHER_BUDGET.test(own)) return false;
  return SPENT_TEXT.some((pattern) => pattern.test(own)) || (!hasWait && SOFT_TEXT.test(own));
}
